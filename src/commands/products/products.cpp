// The commands about recorded products: list, show, tree, comment, save, drop, gc. What is not what the registry says it is stays
// untouched.
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/lineage.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// What became of a product's file; only its size is looked at.
std::string file_state(const ProductRecord& product) {
  // What is at the path now is another product.
  if (!product.is_current) return "replaced";
  std::error_code error;
  const auto bytes = fs::file_size(product.path, error);
  if (error) return "missing";
  return static_cast<std::int64_t>(bytes) == product.bytes ? product.is_saved ? "saved" : "scratch" : "changed";
}

Json json_of(const ProductRecord& product) {
  return {{"id", product.id},
          {"class", product.product_class},
          {"path", product.path},
          {"rows", product.rows},
          {"bytes", product.bytes},
          {"content_hash", product.content_hash},
          {"file_hash", product.file_hash},
          {"made", utc_text(product.made_s)},
          {"process", product.process},
          {"state", file_state(product)}};
}

Json json_of(const ProcessRecord& process) {
  Json facts = Json::object();
  for (const auto& [name, value] : process.facts) facts[name] = value;
  return {{"id", process.id},
          {"command", process.command},
          {"version", process.version},
          {"build", process.build},
          {"state", process.state},
          {"exit_code", process.exit_code},
          {"message", process.message},
          {"start", utc_text(process.start_s)},
          {"end", utc_text(process.end_s)},
          {"host", process.host},
          {"user", process.user},
          {"ranks", process.ranks},
          {"threads", process.threads},
          {"seed", process.seed},
          {"folder", process.folder},
          {"product_log", process.log},
          {"facts", facts},
          {"configuration", process.configuration}};
}

void print_json(const Json& json) { fmt::print("{}\n", json_text(json, 2)); }

class ListCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, project_);
    option("class", class_, "only products of this class");
    option("all", all_, "also products that were replaced or dropped, and processes without products");
    option("json", json_, "print JSON");
  }
  ExitCode run(const CommandContext&) override {
    Registry registry = open_registry(project_, "");
    std::vector<ProductRecord> shown = registry.products();
    check_class(shown);
    // What was replaced stays recorded, for what was made from it; few want to see it.
    std::erase_if(shown, [&](const ProductRecord& product) {
      return (!all_ && !product.is_current) || (!class_.empty() && product.product_class != class_);
    });
    if (json_) {
      Json json = Json::array();
      for (const ProductRecord& product : shown) json.push_back(json_of(product));
      print_json(json);
      return ExitCode::done;
    }
    fmt::print("{:>5}  {:<20} {:>14}  {:<8}  {:<19}  {:<16}  path\n", "id", "class", "rows", "state", "made (UTC)", "content");
    for (const ProductRecord& product : shown)
      fmt::print("{:>5}  {:<20} {:>14}  {:<8}  {:<19}  {:<16}  {}\n", fmt::format("#{}", product.id),
                 product.product_class.empty() ? "table" : one_line(product.product_class), grouped(product.rows), file_state(product),
                 utc_text(product.made_s), one_line(product.content_hash),
                 one_line(fs::path(product.path).lexically_proximate(fs::weakly_canonical(registry.folder())).string()));
    if (all_) print_unproductive(registry);
    return ExitCode::done;
  }

 private:
  /// A class that no product ever was of is a slip of the pen.
  void check_class(const std::vector<ProductRecord>& products) const {
    if (class_.empty()) return;
    std::set<std::string> classes;
    for (const ProductRecord& product : products) classes.insert(product.product_class);
    if (classes.contains(class_)) return;
    throw UsageError(fmt::format("--class {}: no product is of that class (there are {})", class_,
                                 classes.empty() ? "none" : fmt::format("{}", fmt::join(classes, ", "))));
  }

  static void print_unproductive(Registry& registry) {
    for (const ProcessRecord& process : registry.processes())
      if (process.state != "done" && process.state != "incomplete")
        fmt::print("process {}: {} {} (UTC {}){}\n", process.id, one_line(process.command), one_line(process.state),
                   utc_text(process.start_s), process.message.empty() ? "" : ": " + one_line(process.message));
  }

  ProjectOption project_;
  std::string class_;
  bool all_ = false, json_ = false;
};

/// A command about one product.
// The registry is looked for above the product, so these commands work from any folder.
class ProductCommand : public Command {
 public:
  void describe(OptionSet& option) override {
    option("product", name_, "path of the product, or its number as #12").required().positional().layout();
    skyfold::describe(option, project_);
  }
  ExitCode run(const CommandContext& context) override {
    Registry registry = open_registry(project_, name_);
    const ProductRecord product = registry.product(name_);
    return run(registry, product, context);
  }

 protected:
  virtual ExitCode run(Registry& registry, const ProductRecord& product, const CommandContext& context) = 0;

 private:
  ProjectOption project_;
  std::string name_;
};

class ShowCommand final : public ProductCommand {
 public:
  void describe(OptionSet& option) override {
    ProductCommand::describe(option);
    option("verify", verify_, "read the file and compare its content with the record");
    option("json", json_, "print JSON");
  }

 protected:
  ExitCode run(Registry& registry, const ProductRecord& product, const CommandContext& context) override {
    const ProcessRecord process = registry.process(product.process);
    const std::vector<InputRecord> inputs = registry.inputs(process.id);
    if (json_) {
      Json json = {{"product", json_of(product)}, {"process", json_of(process)}, {"inputs", Json::array()}, {"comments", Json::array()}};
      for (const InputRecord& input : inputs)
        json["inputs"].push_back({{"path", input.path},
                                  {"class", input.product_class},
                                  {"content_hash", input.content_hash},
                                  {"file_hash", input.file_hash},
                                  {"product", input.product}});
      for (const CommentRecord& comment : registry.comments(product.id))
        json["comments"].push_back({{"time", utc_text(comment.time_s)}, {"user", comment.user}, {"text", comment.text}});
      print_json(json);
    } else {
      print(registry, product, process, inputs);
    }
    // After printing: what does not agree can be looked at then.
    if (!verify_) return ExitCode::done;
    check_unchanged(product, context.threads);
    if (!json_)
      fmt::print("{}\n", product.file_hash.empty()
                             ? "the file has the size that it was made with (it has no hashes: products save makes them)"
                             : "verified: the file is as it was made");
    return ExitCode::done;
  }

 private:
  static void print(Registry& registry, const ProductRecord& product, const ProcessRecord& process,
                    const std::vector<InputRecord>& inputs) {
    fmt::print("{}\n  number    #{}, {}\n  class     {}\n  rows      {}\n  bytes     {}\n  content   {}\n  file      {}\n",
               one_line(product.path), product.id, file_state(product), one_line(product.product_class), grouped(product.rows),
               grouped(product.bytes), one_line(product.content_hash), one_line(product.file_hash));
    for (const CommentRecord& comment : registry.comments(product.id))
      fmt::print("  comment   {} ({}, {} UTC)\n", printable(comment.text), one_line(comment.user), utc_text(comment.time_s));
    fmt::print(
        "made by process {}: skyfold {} {}, {}, exit code {}\n  build     {}\n  from, to  {}, {} UTC\n  where     {} by {}, {} ranks x {} "
        "threads\n  "
        "log       {}\n",
        process.id, one_line(process.version), one_line(process.command), one_line(process.state), process.exit_code,
        one_line(process.build), utc_text(process.start_s), utc_text(process.end_s), one_line(process.host), one_line(process.user),
        process.ranks, process.threads, one_line(process.log));
    for (const auto& [name, value] : process.facts) fmt::print("  {:<9} {}\n", one_line(name), one_line(value));
    for (const InputRecord& input : inputs)
      fmt::print("  input     {} [{}] {}\n", one_line(input.path), input.product_class.empty() ? "file" : one_line(input.product_class),
                 one_line(input.content_hash.empty() ? input.file_hash : input.content_hash));
    fmt::print("configuration (in {}):\n{}", one_line(process.folder), printable(process.configuration));
  }

  bool verify_ = false, json_ = false;
};

class TreeCommand final : public ProductCommand {
 protected:
  ExitCode run(Registry& registry, const ProductRecord& product, const CommandContext&) override {
    for (const std::string& line : lineage(registry, {product})) fmt::print("{}\n", one_line(line));
    return ExitCode::done;
  }
};

class CommentCommand final : public ProductCommand {
 public:
  void describe(OptionSet& option) override {
    ProductCommand::describe(option);
    option("text", text_, "what there is to say about the product").required().positional();
  }

 protected:
  ExitCode run(Registry& registry, const ProductRecord& product, const CommandContext&) override {
    // A comment is never changed or removed: it says what somebody knew at that time.
    registry.comment(product.id, {unix_time_s(), user_name(), text_});
    return ExitCode::done;
  }

 private:
  std::string text_;
};

class SaveCommand final : public ProductCommand {
 public:
  void describe(OptionSet& option) override {
    ProductCommand::describe(option);
    option("undo", undo_, "make it a scratch product again");
  }

 protected:
  ExitCode run(Registry& registry, const ProductRecord& product, const CommandContext& context) override {
    if (!product.is_current) throw UsageError(fmt::format("{}: #{} was replaced or dropped", product.path, product.id));
    if (!undo_) {
      check_unchanged(product, context.threads);
      // Large files were not read again when they were made; what is kept for good gets its hashes.
      if (product.file_hash.empty()) registry.set_hashes(product.id, hashes_of(product.path, context.threads));
    }
    constexpr auto write_bits = fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
    if (undo_)
      fs::permissions(product.path, fs::perms::owner_write, fs::perm_options::add);
    else
      // For all: a product that others rely on is safe from its owner, too, until `save --undo`.
      fs::permissions(product.path, write_bits, fs::perm_options::remove);
    // After the file: a registry that says "saved" of a file that can be written would lie.
    registry.set_saved(product.id, !undo_);
    fmt::print("{} is {}\n", one_line(product.path), undo_ ? "a scratch product" : "saved, and read-only");
    return ExitCode::done;
  }

 private:
  bool undo_ = false;
};

/// Removes a product's file and what belongs to its process alone. What is at its place but is not the product stays: throws
/// DataError.
void drop(Registry& registry, const ProductRecord& product, int threads) {
  // Dropping the file of a run that is alive would only make it fail later.
  if (!holder_of(product.path).empty()) throw IoError(fmt::format("{}: a run is writing it ({})", product.path, holder_of(product.path)));
  if (fs::exists(product.path)) {
    check_unchanged(product, threads);
    std::error_code error;
    if (!fs::remove(product.path, error)) throw IoError(fmt::format("{}: {}", product.path, error.message()));
  }
  // After the file: if this is cut off in between, the list calls the product missing, and nothing is dropped whose file is there.
  registry.set_dropped(product.id);
  // The run folder and the log belong to all products of the process: they go with the last one.
  const std::vector<ProductRecord> made = registry.products_of(product.process);
  if (made.empty() || std::any_of(made.begin(), made.end(), [](const ProductRecord& sibling) { return sibling.is_current; })) return;
  std::error_code ignored;
  try {
    if (fs::exists(run_path(made.front().path), ignored))
      const RunFolder removed(made.front().path);  // goes with all that skyfold made in it
  } catch (const Error& error) {
    log_warning(fmt::format("left alone: {}", error.what()));
  }
  const std::string log = registry.process(product.process).log;
  if (!log.empty() && is_product_log(log)) fs::remove(log, ignored);
}

/// Why products must stay, by their ids: what a saved product was made from, without which it could not be made again, and what was
/// made together with it, such as its PDFs and its FITS file.
std::map<std::int64_t, std::string> needed_by_saved(Registry& registry) {
  std::map<std::int64_t, std::string> needed;
  std::set<std::int64_t> seen;
  const std::function<void(std::int64_t, const std::string&)> need_inputs = [&](std::int64_t process, const std::string& saved) {
    // Lineages join again; without this each of their ways would be walked.
    if (!seen.insert(process).second) return;
    for (const InputRecord& input : registry.inputs(process)) {
      if (input.product == 0) continue;
      needed.emplace(input.product, fmt::format("the saved product {} was made from it", saved));
      need_inputs(registry.product(input.product).process, saved);
    }
  };
  for (const ProductRecord& product : registry.products()) {
    if (!product.is_saved || !product.is_current) continue;
    need_inputs(product.process, product.path);
    for (const ProductRecord& sibling : registry.products_of(product.process))
      // A product and its PDFs are one result: saving one of them means the whole.
      if (sibling.id != product.id) needed.emplace(sibling.id, fmt::format("it was made together with the saved product {}", product.path));
  }
  return needed;
}

class DropCommand final : public ProductCommand {
 protected:
  ExitCode run(Registry& registry, const ProductRecord& product, const CommandContext& context) override {
    if (!product.is_current) throw UsageError(fmt::format("{}: #{} was replaced or dropped already", product.path, product.id));
    if (product.is_saved) throw UsageError(fmt::format("{}: is saved (products save --undo makes it a scratch product)", product.path));
    const auto needed = needed_by_saved(registry);
    if (const auto why = needed.find(product.id); why != needed.end())
      throw UsageError(fmt::format("{}: {} (products save --undo makes that a scratch product)", product.path, why->second));
    drop(registry, product, context.threads);
    fmt::print("dropped {}\n", one_line(product.path));
    return ExitCode::done;
  }
};

/// "30d", "12h", "45m", "10s" in seconds.
double seconds_in(const std::string& text) {
  const std::string units = "smhd";
  const double seconds[] = {1.0, 60.0, 3600.0, 86400.0};
  const std::size_t unit = text.empty() ? std::string::npos : units.find(text.back());
  // A number without a unit is refused: seconds instead of days would remove everything.
  const auto number = unit == std::string::npos ? std::nullopt : parse_double(text.substr(0, text.size() - 1));
  if (!number || !(*number >= 0.0) || !std::isfinite(*number))
    throw UsageError(fmt::format("--older-than {}: not a time (30d, 12h, 45m, 10s)", text));
  return *number * seconds[unit];
}

class GcCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    skyfold::describe(option, project_);
    option("older-than", age_, "age of the products to remove: a number with s, m, h or d").required();
    option("dry-run", dry_, "only tell what would be removed");
  }
  ExitCode run(const CommandContext& context) override {
    const double before_s = unix_time_s() - seconds_in(age_);
    Registry registry = open_registry(project_, "");
    const std::vector<ProductRecord> all = registry.products();
    // Once for all, before the first is dropped: dropping changes nothing of what saved products need.
    const std::map<std::int64_t, std::string> needed = needed_by_saved(registry);
    std::int64_t count = 0, bytes = 0;
    for (const ProductRecord& product : all) {
      // One that cannot be dropped is told, and the others go on.
      if (!product.is_current || product.is_saved || product.made_s > before_s) continue;
      if (const auto why = needed.find(product.id); why != needed.end()) {
        fmt::print("kept {} ({})\n", one_line(product.path), one_line(why->second));
        continue;
      }
      try {
        if (!dry_)
          drop(registry, product, context.threads);
        else if (fs::exists(product.path))
          check_unchanged(product, context.threads);
      } catch (const Error& error) {
        log_warning(fmt::format("left alone: {}", error.what()));
        continue;
      }
      fmt::print("{} {} ({} bytes)\n", dry_ ? "would remove" : "removed", one_line(product.path), grouped(product.bytes));
      ++count;
      bytes += product.bytes;
    }
    fmt::print("{} products, {} bytes\n", grouped(count), grouped(bytes));
    return ExitCode::done;
  }

 private:
  ProjectOption project_;
  std::string age_;
  bool dry_ = false;
};

}  // namespace

std::unique_ptr<Command> make_products_list_command() { return std::make_unique<ListCommand>(); }
std::unique_ptr<Command> make_products_show_command() { return std::make_unique<ShowCommand>(); }
std::unique_ptr<Command> make_products_tree_command() { return std::make_unique<TreeCommand>(); }
std::unique_ptr<Command> make_products_comment_command() { return std::make_unique<CommentCommand>(); }
std::unique_ptr<Command> make_products_save_command() { return std::make_unique<SaveCommand>(); }
std::unique_ptr<Command> make_products_drop_command() { return std::make_unique<DropCommand>(); }
std::unique_ptr<Command> make_products_gc_command() { return std::make_unique<GcCommand>(); }

}  // namespace skyfold
