// The command products export: a product's provenance as PROV-JSON, or as an RO-Crate 1.1 with the runs between.
#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/registry/lineage.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Name of a file in a crate: relative to the crate's folder where it lies in it.
std::string crate_id(const std::string& path, const fs::path& root) {
  const std::string relative = fs::path(path).lexically_relative(root).string();
  return relative.empty() || relative.starts_with("..") ? "file://" + path : relative;
}

/// RO-Crate 1.1: the product, what it was made from, and the runs of commands between, as JSON-LD.
class Crate {
 public:
  Crate(Registry& registry, fs::path root) : registry_(registry), root_(std::move(root)) {}

  std::string text(const ProductRecord& product) {
    add(product);
    Json graph = Json::array();
    graph.push_back({{"@id", "ro-crate-metadata.json"},
                     {"@type", "CreativeWork"},
                     {"conformsTo", {{"@id", "https://w3id.org/ro/crate/1.1"}}},
                     {"about", {{"@id", "./"}}}});
    graph.push_back({{"@id", "./"},
                     {"@type", "Dataset"},
                     {"name", fs::path(product.path).filename().string()},
                     {"description", fmt::format("{} made by skyfold, and what it was made from", product.product_class)},
                     {"datePublished", iso_text(product.made_s)},
                     {"hasPart", parts_}});
    graph.push_back({{"@id", "#skyfold"}, {"@type", "SoftwareApplication"}, {"name", "skyfold"}, {"version", program_version}});
    for (auto& [id, entity] : entities_.items()) graph.push_back(entity);
    const Json crate = {{"@context", "https://w3id.org/ro/crate/1.1/context"}, {"@graph", graph}};
    return json_text(crate, 2) + "\n";
  }

 private:
  std::string add_file(const std::string& path, const std::string& product_class, const std::string& hash, std::int64_t bytes) {
    const std::string id = crate_id(path, root_);
    if (entities_.contains(id)) return id;
    entities_[id] = {{"@id", id}, {"@type", "File"}, {"name", fs::path(path).filename().string()}, {"identifier", "xxh3:" + hash}};
    if (!product_class.empty()) entities_[id]["description"] = "skyfold " + product_class;
    if (bytes > 0) entities_[id]["contentSize"] = std::to_string(bytes);
    // Every file of a crate is listed by its root, as the standard wants it.
    parts_.push_back({{"@id", id}});
    return id;
  }

  std::string add(const ProductRecord& product) {
    const std::string id = add_file(product.path, product.product_class, product.content_hash, product.bytes);
    const ProcessRecord process = registry_.process(product.process);
    const std::string action = fmt::format("#process-{}", process.id);
    if (!entities_.contains(action)) {
      entities_[action] = Json::object();  // its place; its inputs may lead here again
      Json objects = Json::array();
      for (const InputRecord& input : registry_.inputs(process.id))
        objects.push_back({{"@id", input.product != 0 ? add(registry_.product(input.product))
                                                      : add_file(input.path, input.product_class, input.file_hash, 0)}});
      const std::string user = "#user-" + process.user;
      entities_[user] = {{"@id", user}, {"@type", "Person"}, {"name", process.user}};
      entities_[action] = {{"@id", action},
                           {"@type", "CreateAction"},
                           {"name", "skyfold " + process.command},
                           {"description", process.configuration},
                           {"instrument", {{"@id", "#skyfold"}}},
                           {"agent", {{"@id", user}}},
                           {"object", objects},
                           {"result", Json::array()}};
    }
    // Of a process with several products each one comes here on its own way.
    Json& results = entities_[action]["result"];
    if (std::find(results.begin(), results.end(), Json{{"@id", id}}) == results.end()) results.push_back({{"@id", id}});
    return id;
  }

  Registry& registry_;
  fs::path root_;
  Json entities_ = Json::object(), parts_ = Json::array();
};

struct ExportOptions {
  std::string product, format = "prov-json", output;
  ProjectOption project;
};

class ExportCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("product", o_.product, "path of the product, or its number as #12").required().positional().layout();
    option("format", o_.format, "form of the document").one_of({"prov-json", "ro-crate"});
    option("to", o_.output, "file to write; for ro-crate ro-crate-metadata.json in the folder that becomes the crate")
        .required()
        .layout()
        .writes(FileKind::json);
    skyfold::describe(option, o_.project);
  }
  ExitCode run(const CommandContext&) override {
    Registry registry = open_registry(o_.project, o_.product);
    const ProductRecord product = registry.product(o_.product);
    const fs::path path = fs::weakly_canonical(o_.output);
    if (o_.format == "ro-crate" && path.filename() != "ro-crate-metadata.json")
      throw UsageError(fmt::format("--to {}: the file of an RO-Crate is called ro-crate-metadata.json", o_.output));
    std::vector<std::string> others;
    for (const ProductRecord& other : registry.products())
      if (other.is_current) others.push_back(other.path);
    // No other product may be overwritten, however it was named.
    check_outputs({o_.output}, others);
    check_replaceable({o_.output});
    write_durably(o_.output, o_.format == "ro-crate" ? Crate(registry, path.parent_path()).text(product) : prov_json(registry, product));
    fmt::print("wrote {}\n", o_.output);
    return ExitCode::done;
  }

 private:
  ExportOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_products_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace skyfold
