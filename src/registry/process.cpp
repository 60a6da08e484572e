// What a run of a command tells of itself: inputs, products, facts and plots, gathered while it runs, recorded at its end. Nothing
// that goes wrong here fails the command.
#include "skyfold/registry/process.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "product_log.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/registry/content.hpp"
#include "skyfold/registry/lineage.hpp"
#include "skyfold/registry/registry.hpp"
#include "watched_file.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* none = "none";
/// Larger files are not read again at the end of a run; `products save` gives them their hashes.
constexpr std::int64_t most_hashed_bytes = std::int64_t{4} << 30;

std::string absolute(const std::string& path) { return canonical_form(path); }

const char* state_of(ExitCode code) {
  switch (code) {
    case ExitCode::done:
      return "done";
    case ExitCode::incomplete:
      return "incomplete";
    case ExitCode::stopped:
      return "stopped";
    default:
      return "failed";
  }
}

/// Bytes of a file, or of all files of a product that is a folder.
std::int64_t size_of(const std::string& path) {
  return fs::is_directory(path) ? folder_state(path).bytes : static_cast<std::int64_t>(fs::file_size(path));
}

/// What there is now at the input's path may be another file: then it is recorded without the hashes, which nobody can tell any more.
InputRecord input_record(const WatchedFile& input, int threads) {
  const std::string path = absolute(input.path);
  // A pipe, or what could not be looked at when it was read.
  if (!input.is_watched) return {path, "", "", "", 0};
  InputRecord record{path, "", "", "", 0};
  // Before hashing, which takes long, and after it: only if both find nothing, the hash is that of what was read.
  std::string change = change_of(input);
  if (change.empty()) {
    record.product_class = class_of(path);
    // Files of others have no content hash of ours, only that of their bytes.
    record.content_hash = record.product_class.empty() ? "" : content_hash(path);
    const bool is_large = !record.content_hash.empty() && static_cast<std::int64_t>(fs::file_size(path)) > most_hashed_bytes;
    record.file_hash = is_large ? "" : file_hash(path, threads);
    change = change_of(input);  // while it was hashed
  }
  if (change.empty()) return record;
  log_warning(fmt::format("{}: changed after it was read ({}), and is recorded without its hash", path, change));
  return {path, "", "", "", 0};
}

}  // namespace

void describe(OptionSet& option, ProcessOptions& o) {
  option("project", o.project,
         "folder of the registry of products, skyfold.db; empty: the nearest one above the output, else the output's folder; none: nothing "
         "is recorded")
      .call_only();
  option("product-log", o.product_log, "HTML page about this run; empty: OUTPUT with the ending .html; none")
      .call_only()
      .writes(FileKind::html);
}

struct Process::Impl {
  ProcessOptions o;
  const OptionSet* options = nullptr;
  ProcessRecord record;
  std::string output;  ///< main product, as the options name it
  std::vector<WatchedFile> inputs;
  struct Product {
    std::string path, product_class;
    std::int64_t rows = 0;
  };
  std::vector<Product> products;
  std::vector<LogEntry> entries;
  bool was_found = false;  ///< an earlier process published everything
  std::optional<Registry> registry;

  [[nodiscard]] std::string project() const {
    // A project that is named is used as it is; one that is merely found above must be this user's (require_own_registry).
    if (!o.project.empty()) return o.project;
    const std::string above = project_of(output), folder = above.empty() ? fs::path(absolute(output)).parent_path().string() : above;
    require_own_registry(folder);
    return folder;
  }
  [[nodiscard]] bool has_registry() const;
  template <class Action>
  void attempt(Action action);
  void begin();
  void add_product(const std::string& path, const std::string& product_class, std::int64_t rows);
  [[nodiscard]] bool is_known();
  void record_end();
  [[nodiscard]] std::string log_path() const;
  void write_log(const std::vector<InputRecord>& read, const std::vector<ProductRecord>& made);
};

Process::Process() = default;

Process::Process(const std::string& command, const OptionSet& options, ProcessOptions o, int ranks, int threads)
    : impl_(std::make_unique<Impl>()) {
  Impl& my = *impl_;
  my.o = std::move(o);
  my.options = &options;
  // A command without an output has no main product, and none of it is recorded.
  my.output = options.value("output");
  ProcessRecord& p = my.record;
  p.command = command;
  p.version = program_version;
  p.build = build_description();
  p.configuration = options.ini(false);
  std::error_code ignored;
  p.folder = fs::current_path(ignored).string();
  p.host = host_name();
  p.user = user_name();
  p.pid = getpid();
  p.ranks = ranks;
  p.threads = threads;
  // Commands that draw nothing have no such option.
  p.seed = parse_integer(options.value("seed")).value_or(0);
  p.start_s = unix_time_s();
}

Process::~Process() = default;

/// Nothing that goes wrong in recording is worth the work of the command.
template <class Action>
void Process::Impl::attempt(Action action) {
  if (o.project == none || output.empty()) return;
  try {
    action();
  } catch (const std::exception& error) {
    log_warning(fmt::format("this run is not in the registry of products: {}", error.what()));
    // One warning is enough: what follows would fail in the same way.
    o.project = none;
  }
}

bool Process::Impl::has_registry() const { return !project_of((fs::path(project()) / "x").string()).empty(); }

void Process::Impl::begin() {
  if (record.id != 0) return;
  registry.emplace(project());
  record.id = registry->begin(record);
}

void Process::input(const std::string& path) {
  if (!impl_) return;
  impl_->inputs.push_back(watched_file(path));
  impl_->attempt([&] {
    // From now on the registry shows a running process.
    if (impl_->has_registry()) impl_->begin();  // a new one is made for a product, not for a command that may fail
  });
}

void Process::check_inputs() const {
  if (!impl_) return;
  for (const WatchedFile& input : impl_->inputs)
    if (const std::string change = change_of(input); !change.empty())
      throw DataError(fmt::format("{}: changed while it was read ({}; nothing is published: run the command again)", input.path, change));
}

void Process::Impl::add_product(const std::string& path, const std::string& product_class, std::int64_t rows) {
  const std::string whole = absolute(path);
  auto found = std::find_if(products.begin(), products.end(), [&](const Product& product) { return product.path == whole; });
  // Told twice, by the run that publishes it and by the command that knows its class and rows: one product.
  if (found == products.end()) found = products.insert(products.end(), Product{whole, "", 0});
  if (!product_class.empty()) found->product_class = product_class;
  if (rows != 0) found->rows = rows;
}

void Process::product(const std::string& path, const std::string& product_class, std::int64_t rows) {
  if (impl_) impl_->add_product(path, product_class, rows);
}

void Process::found(const std::string& path) {
  if (!impl_) return;
  impl_->was_found = true;
  impl_->add_product(path, "", 0);
}

void Process::fact(const std::string& name, const std::string& value) {
  // Only the first rank's process has something behind it: on the others all this does nothing.
  if (impl_) impl_->record.facts.emplace_back(name, value);
}

void Process::add(const std::string& tab, LogTable table) {
  if (impl_) impl_->entries.push_back({tab, std::move(table)});
}

void Process::add(const std::string& tab, Plot plot) {
  if (impl_) impl_->entries.push_back({tab, std::move(plot)});
}

void Process::add(const std::string& tab, const std::string& text) {
  if (impl_) impl_->entries.push_back({tab, text});
}

/// Whether the registry has all products as they are.
bool Process::Impl::is_known() {
  if (!has_registry()) return false;
  // A run that found everything published (its end was cut off) is recorded only if its first attempt did not come to it.
  const std::vector<ProductRecord> known = Registry(project()).products();
  return std::all_of(products.begin(), products.end(), [&](const Product& product) {
    return std::any_of(known.begin(), known.end(), [&](const ProductRecord& entry) {
      return entry.is_current && entry.path == product.path && entry.bytes == size_of(product.path);
    });
  });
}

/// Records what was read and made, and writes the log.
void Process::Impl::record_end() {
  begin();
  std::vector<InputRecord> read;
  std::vector<ProductRecord> made;
  if (!products.empty()) {  // of a process that failed nobody asks what it read
    for (const WatchedFile& input : inputs) read.push_back(input_record(input, record.threads));
    for (const Product& product : products) {
      ProductRecord entry;
      entry.process = record.id;
      entry.path = product.path;
      entry.product_class = product.product_class.empty() ? class_of(product.path) : product.product_class;
      entry.bytes = size_of(product.path);
      entry.rows = product.rows != 0 ? product.rows : content_rows(product.path);
      entry.made_s = record.end_s;
      // Reading a file of terabytes again would double the time of the run.
      if (entry.bytes <= most_hashed_bytes) {
        entry.content_hash = content_hash(product.path);
        entry.file_hash = file_hash(product.path, record.threads);
      }
      for (const ProductRecord& other : made)  // the same rows as FITS
        if (entry.product_class.empty() && !entry.content_hash.empty() && other.content_hash == entry.content_hash)
          entry.product_class = other.product_class;
      made.push_back(entry);
    }
    record.log = log_path();
  }
  // The registry first: it is what later commands rely on, and the page can be missing without harm.
  registry->end(record, read, made);
  if (!record.log.empty()) write_log(read, made);
}

/// Where the log goes; "" where there is to be none. It never takes the place of a file that is no log.
std::string Process::Impl::log_path() const {
  if (o.product_log == none) return "";
  const std::string path =
      absolute(o.product_log.empty() ? fs::path(products.front().path).replace_extension(".html").string() : o.product_log);
  // Names of products and pages are the user's: one may be the other.
  const bool is_product = std::any_of(products.begin(), products.end(), [&](const Product& product) { return product.path == path; });
  if (!is_product && (!fs::exists(path) || is_product_log(path))) return path;
  log_warning(fmt::format(
      "{}: is no product log of skyfold, and stays as it is (--product-log names another place for the page about this run)", path));
  return "";
}

void Process::Impl::write_log(const std::vector<InputRecord>& read, const std::vector<ProductRecord>& made) {
  LogContent log{record, read, made, {}, logged_lines(), entries};
  std::vector<ProductRecord> known = registry->products();
  const std::vector<InputRecord> linked = registry->inputs(record.id);
  // The registry decided which inputs are products of an earlier process: the log follows it.
  std::erase_if(known, [&](const ProductRecord& product) {
    const auto is_it = [&](const InputRecord& input) { return input.product == product.id; };
    return std::none_of(linked.begin(), linked.end(), is_it);
  });
  log.lineage = lineage(*registry, known);
  try {
    write_durably(record.log, product_log_html(log));
  } catch (const Error& error) {
    log_warning(fmt::format("no product log: {}", error.what()));
  }
}

void Process::end(ExitCode code, const std::string& message) {
  if (!impl_) return;
  Impl& my = *impl_;
  // A product of a failed run is none, even if a file of that name is there from before.
  if (code != ExitCode::done && code != ExitCode::incomplete) my.products.clear();
  my.record.exit_code = static_cast<int>(code);
  my.record.state = state_of(code);
  my.record.message = message;
  my.record.end_s = unix_time_s();
  my.record.configuration = my.options->ini(false);  // with what the command guessed
  // A command that failed before it read anything leaves no trace.
  if (my.products.empty() && my.record.id == 0) return;
  my.attempt([&] {
    if (!my.was_found || !my.is_known()) my.record_end();
  });
}

std::string class_of(const std::string& name) {
  const std::string path = input_file(name);
  // FITS and text have no class of ours, whoever wrote them.
  if (container_of(path) != Container::hdf5) return "";
  const Attributes attributes = read_attributes(path);
  const auto found = attributes.find("product_class");
  return found == attributes.end() ? "" : found->second;
}

namespace {

/// The project's folder; "" where there is none that this user can rely on.
std::string own_project_of(const std::string& path) {
  const std::string folder = project_of(path);
  try {
    if (!folder.empty()) require_own_registry(folder);
    return folder;
  } catch (const IoError&) {
    return "";
  }
}

}  // namespace

void require_class(const std::string& path, const std::vector<std::string>& classes, const std::string& option) {
  refuse_foreign(input_file(path));
  const std::string is = class_of(path);
  if (std::find(classes.begin(), classes.end(), is) != classes.end()) return;
  std::vector<std::string> names, there;
  for (const std::string& name : classes) names.push_back(name.empty() ? "a plain table" : name);
  if (const std::string folder = own_project_of(path); !folder.empty())
    for (const ProductRecord& product : Registry(folder).products())
      if (product.is_current && !product.product_class.empty() &&
          std::find(classes.begin(), classes.end(), product.product_class) != classes.end())
        there.push_back(product.path);
  throw DataError(fmt::format("{}: {}, but --{} takes {}{}", path,
                              is.empty() ? std::string("not a product of skyfold") : "a product of class " + is, option,
                              join(names, " or "), there.empty() ? "" : " (there are: " + join(there, ", ") + ")"));
}

}  // namespace skyfold
