// What commands make, as pipelines refer to it: one list of the options that name products, and what commands put beside. Products that
// depend on the data are no part of it: they are known when the command has run.
#include <algorithm>

#include "common.hpp"
#include "skyfold/commands/pdf_path.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/product_class.hpp"

namespace skyfold {
namespace {

using Products = std::map<std::string, std::string>;

/// Options besides --output that name a product, of one command or of all ("").
struct ProductOption {
  const char *command, *option, *name;
};
constexpr ProductOption product_options[] = {
    {"", "fits", "fits"},
    {"info", "depth.map", "depth.map"},
    {"info", "depth.tiles", "depth.tiles"},
    {"lightcurve", "plot", "plot"},
    {"locus", "csv", "csv"},
    {"locus", "stars", "stars"},
    {"nz", "plot", "plot"},
    {"nz", "text", "text"},
    {"patch", "text", "text"},
    {"pdf report", "plot", "plot"},
    {"products export", "to", ""},
    {"sky-map", "healsparse", "healsparse"},
    {"sky-map", "map", "map"},
    {"sky-map", "plot", "plot"},
    {"spec", "members", "members"},
    {"train", "train.subset", "training"},
    {"train", "weights.coverage", "coverage"},
    {"train", "weights.sample", "weights.sample"},
    {"validate", "json", "json"},
};

std::string text_of(const OptionSet& options, const char* name) { return unquoted_value(options.value(name)); }

std::string value_or(const std::string& value, const std::string& usual) { return value.empty() ? usual : value; }

/// Of several algorithms a model each, with the algorithm's name before the ending; and what of the sample is held out.
void add_of_train(const OptionSet& options, Products& products) {
  const std::string output = products[""];
  const std::vector<std::string> algorithms = unquoted_list(options.value("algorithms"));
  if (algorithms.size() > 1) {
    products.erase("");
    for (const std::string& name : algorithms) products[name] = path_beside(output, name);
  }
  if (options.value("sample").empty()) return;
  if (parse_double(options.value("train.fraction")).value_or(1.0) < 1.0)
    products["validation"] = value_or(text_of(options, "train.validation"), path_beside(output, "validation"));
  const bool is_weighted = options.value("weights") != "none";
  if (is_weighted && !products.contains("training")) products["training"] = path_beside(output, "training");
  if (is_weighted && !products.contains("coverage")) products["coverage"] = path_beside(output, "coverage");
  if (parse_integer(options.value("held_out.folds")).value_or(0) == 0) return;
  for (const std::string& name : algorithms) {
    const std::string model = algorithms.size() > 1 ? path_beside(output, name) : output, held = path_beside(model, "held_out");
    const std::string word = algorithms.size() > 1 ? name + ".held_out" : "held_out";
    products[word] = held;
    if (options.value("pdf") != "none") products[word + ".pdf"] = pdf_path_of(held);
  }
}

/// PDFs of one model; those of several have the names of the models, which are in their files.
void add_of_photoz(const OptionSet& options, Products& products) {
  if (!options.value("catalogues").empty() || options.value("pdf") == "none" || unquoted_list(options.value("model")).size() != 1) return;
  products["pdf"] = pdf_path_of(products[""]);
}

void add_of_mock(const OptionSet& options, Products& products) {
  const std::string kind = options.value("kind");
  if ((kind == "survey" || kind == "stars") && parse_double(options.value("spectroscopic")).value_or(0.0) > 0.0)
    products["spec"] = path_beside(products[""], "spec");
}

/// Pictures of filters and colours are made where there are several.
void add_of_templates(Products& products) {
  std::string output = products[""];
  products.erase("");
  constexpr std::string_view ending = ".svg";
  if (output.ends_with(ending)) output.resize(output.size() - ending.size());
  products["seds"] = output + ".seds.svg";
}

}  // namespace

std::map<std::string, std::string> products_of_command(const std::string& command, const OptionSet& options) {
  Products products;
  const auto add = [&](const char* option, const char* name) {
    if (const std::string path = text_of(options, option); !path.empty()) products[name] = path;
  };
  add("output", "");
  for (const ProductOption& product : product_options)
    if (*product.command == '\0' || command == product.command) add(product.option, product.name);
  if (command == "train") add_of_train(options, products);
  if (command == "photoz") add_of_photoz(options, products);
  if (command == "mock") add_of_mock(options, products);
  if (command == "templates plot") add_of_templates(products);
  return products;
}

void add_classes(const std::string& command, workflow::CommandFacts& facts) {
  using namespace product_class;
  if (command == "import" || command == "curate merge") facts.gives = {{"", catalogue}};
  if (command == "spec") facts.gives = {{"", spectroscopic_sample}};
  if (command == "train") {
    facts.gives = {{"*", photoz_model}, {"validation", training_set}, {"training", training_set}};
    facts.takes = {{"sample", {training_set, spectroscopic_sample, catalogue}}, {"reference", {catalogue, training_set}}};
    for (const char* other : {"coverage", "weights.sample"}) facts.gives[other] = other;
  }
  if (command == "photoz") {
    facts.gives = {{"", photoz}, {"fits", photoz}, {"*", photoz_pdf}};
    facts.takes = {{"model", {photoz_model}}};
  }
  if (command == "validate") {
    facts.gives = {{"", photoz_validation}, {"json", "JSON"}};
    facts.takes = {{"sample", {training_set, spectroscopic_sample, catalogue}}, {"models", {photoz_model}}};
  }
  if (command == "pdf convert") facts.gives = {{"", photoz_pdf}};
  if (command == "nz") {
    facts.gives = {{"*", "redshift_distributions"}};
    facts.takes = {{"pdf", {photoz_pdf}}};
  }
}

}  // namespace skyfold
