// Where a product comes from: as a tree for people, and as W3C PROV-JSON (the submission of 2013) for programs.
#include "skyfold/registry/lineage.hpp"
#include "skyfold/core/escape.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

std::string process_line(const ProcessRecord& process) {
  return fmt::format("made by {} (process {}, skyfold {}, {} UTC, seed {}, {})", process.command, process.id, process.version,
                     utc_text(process.start_s), process.seed, process.state);
}

class Tree {
 public:
  explicit Tree(Registry& registry) : registry_(registry) {}

  void add(const ProductRecord& product, int depth) {
    line(depth, fmt::format("{} [{}] #{}, {} rows, content {}{}", product.path, product.product_class, product.id, grouped(product.rows),
                            product.content_hash, product.is_saved ? ", saved" : ""));
    for (const CommentRecord& comment : registry_.comments(product.id))
      line(depth + 1, fmt::format("\"{}\" ({})", comment.text, comment.user));
    const ProcessRecord process = registry_.process(product.process);
    // A process with many products would be told once for each.
    if (!seen_.insert(process.id).second) return line(depth + 1, fmt::format("made by process {}, as above", process.id));
    line(depth + 1, process_line(process));
    for (const InputRecord& input : registry_.inputs(process.id)) {
      // Two levels: the inputs stand under the line of their process, not under their siblings.
      if (input.product != 0)
        add(registry_.product(input.product), depth + 2);
      else
        line(depth + 2,
             fmt::format("{} [{}], file {}", input.path, input.product_class.empty() ? "input" : input.product_class, input.file_hash));
    }
  }

  std::vector<std::string> lines;

 private:
  void line(int depth, const std::string& text) { lines.push_back(std::string(static_cast<std::size_t>(2 * depth), ' ') + text); }

  Registry& registry_;
  std::set<std::int64_t> seen_;
};

/// Collects entities, activities and agents, each once.
class Prov {
 public:
  explicit Prov(Registry& registry) : registry_(registry) {
    json_["prefix"] = {{"prov", "http://www.w3.org/ns/prov#"}, {"xsd", "http://www.w3.org/2001/XMLSchema#"}, {"skyfold", "urn:skyfold:"}};
    for (const char* part : {"entity", "activity", "agent", "used", "wasGeneratedBy", "wasAssociatedWith", "wasAttributedTo"})
      json_[part] = Json::object();
  }

  /// Name of the product's entity.
  std::string add(const ProductRecord& product) {
    const std::string name = fmt::format("skyfold:product/{}", product.id);
    // Entered before its process is followed: lineages join again, and each entity is told once.
    if (json_["entity"].contains(name)) return name;
    json_["entity"][name] = entity(product.path, product.product_class, product.file_hash, product.content_hash);
    json_["entity"][name]["skyfold:rows"] = product.rows;
    json_["entity"][name]["skyfold:bytes"] = product.bytes;
    std::string comments;
    for (const CommentRecord& comment : registry_.comments(product.id)) comments += (comments.empty() ? "" : "\n") + comment.text;
    if (!comments.empty()) json_["entity"][name]["skyfold:comment"] = comments;
    const std::string activity = add(registry_.process(product.process));
    relate("wasGeneratedBy", {{"prov:entity", name}, {"prov:activity", activity}, {"prov:time", iso_text(product.made_s)}});
    return name;
  }

  [[nodiscard]] std::string text() const { return json_text(json_, 2) + "\n"; }

 private:
  static Json entity(const std::string& path, const std::string& product_class, const std::string& file_hash,
                     const std::string& content_hash) {
    Json json = {{"prov:label", std::filesystem::path(path).filename().string()}, {"skyfold:path", path}};
    if (!product_class.empty()) json["prov:type"] = "skyfold:" + product_class;
    if (!file_hash.empty()) json["skyfold:fileHash"] = "xxh3:" + file_hash;
    if (!content_hash.empty()) json["skyfold:contentHash"] = "xxh3:" + content_hash;
    return json;
  }

  std::string add(const ProcessRecord& process) {
    const std::string name = fmt::format("skyfold:process/{}", process.id);
    if (json_["activity"].contains(name)) return name;
    Json facts = Json::object();
    for (const auto& [fact, value] : process.facts) facts[fact] = value;
    // Entered before its inputs are followed, as products are: a damaged registry with a circle in it ends, too.
    json_["activity"][name] = {{"prov:type", "skyfold:" + process.command},
                               {"prov:startTime", iso_text(process.start_s)},
                               {"prov:endTime", iso_text(process.end_s)},
                               {"skyfold:configuration", process.configuration},
                               {"skyfold:seed", process.seed},
                               {"skyfold:build", process.build},
                               {"skyfold:host", process.host},
                               {"skyfold:ranks", process.ranks},
                               {"skyfold:threads", process.threads},
                               {"skyfold:state", process.state},
                               {"skyfold:exitCode", process.exit_code},
                               {"skyfold:facts", json_text(facts)}};
    const std::string program = "skyfold:program/" + process.version, user = "skyfold:user/" + process.user;
    json_["agent"][program] = {{"prov:type", "prov:SoftwareAgent"}, {"prov:label", "skyfold " + process.version}};
    json_["agent"][user] = {{"prov:type", "prov:Person"}, {"prov:label", process.user}};
    for (const std::string& agent : {program, user}) relate("wasAssociatedWith", {{"prov:activity", name}, {"prov:agent", agent}});
    for (const InputRecord& input : registry_.inputs(process.id)) relate("used", {{"prov:activity", name}, {"prov:entity", add(input)}});
    return name;
  }

  std::string add(const InputRecord& input) {
    if (input.product != 0) return add(registry_.product(input.product));
    // By its content where that is known: one file under two names is one entity.
    const std::string name = "skyfold:file/" + (input.file_hash.empty() ? input.path : input.file_hash);
    json_["entity"][name] = entity(input.path, input.product_class, input.file_hash, input.content_hash);
    return name;
  }

  void relate(const char* relation, Json json) { json_[relation][fmt::format("_:{}", ++relations_)] = std::move(json); }

  Registry& registry_;
  Json json_;
  int relations_ = 0;
};

}  // namespace

std::vector<std::string> lineage(Registry& registry, const std::vector<ProductRecord>& products) {
  Tree tree(registry);
  for (const ProductRecord& product : products) tree.add(product, 0);
  return tree.lines;
}

std::string prov_json(Registry& registry, const ProductRecord& product) {
  Prov prov(registry);
  prov.add(product);
  return prov.text();
}

}  // namespace skyfold
