// How a run begins: what an earlier attempt left is gone on from, taken up again, or cleared (docs/robustness.md).
#include <fmt/core.h>

#include <algorithm>
#include <sstream>

#include "impl.hpp"
#include "packing.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/io/structure.hpp"
#include "skyfold/registry/content.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

const std::string structure_label = "structure ";

}  // namespace

void Run::Impl::open(const OptionSet& options) {
  check(o.farm);
  check_outputs(setup.products, setup.inputs);
  state.command = setup.command;
  state.version = setup.version;
  state.output = setup.output;
  state.options = options.answer_options();
  for (const std::string& input : setup.inputs) state.inputs.push_back(input_state(input));
  for (const std::string& product : setup.products) {
    state.declared.push_back(canonical_form(product));
    state.products.push_back({canonical_form(product), 0});
  }
  folder.emplace(setup.output, setup.products);
  std::error_code absent;
  folder->keep(fs::exists(folder->file("state.json"), absent));  // also if it cannot be read, or the run is refused now
  const auto before = o.fresh ? std::nullopt : read_run_state(folder->file("state.json"));
  // Nothing of the folder was changed so far, so that a run that is refused leaves the earlier work as it was.
  const bool goes_on = before && take_up(*before);
  if (is_complete) return;
  check_replaceable(setup.products);
  // What an earlier run left is not of this one, and is cleared before anything of this run is there.
  if (!goes_on) {
    folder->keep(false);
    folder->clear();
    for (const std::string& product : setup.products) state.along.push_back(name_in_run(product));
  }
  write_durably(folder->file("config.ini"), options.ini(false));
  write_durably(folder->file("state.json"), state.text());
  journal.emplace(folder->file("journal"));
  // What has failed may be tried again by who repeats the command.
  if (!journal->found().empty() && journal->found().back().event == Event::ended &&
      journal->found().back().attempt == static_cast<int>(ExitCode::incomplete))
    append(Event::retry, "", 0);
  trace.emplace(folder->file("trace.json"));
  // Before anything is read of the products: a kill may have come in the middle of a change of structure.
  remove_packed(setup.output, setup.products);
  for (const std::string& name : names_in(folder->file("products"))) roll_back(folder->file("products/" + name));
  check_structures();
  for (const JournalRecord& record : journal->found())
    if (record.event == Event::step) steps.insert(record.label);
  has_earlier_work = std::any_of(journal->found().begin(), journal->found().end(),
                                 [](const JournalRecord& record) { return record.event == Event::done; });
  read_crash_notes();
  begin_session();
}

/// Whether this run goes on from what `before` tells. Sets `is_complete` when nothing is left to do.
bool Run::Impl::take_up(const RunState& before) {
  if (before.phase == "running") {
    check_same_run(before, state);
    narrow_siblings(before);
    state.reopened = before.reopened;
    return true;
  }
  // Everything was whole when that phase began: only names are left to be given.
  if (before.phase == "publishing") {
    std::vector<std::string> paths;
    for (const ProductState& product : before.products) paths.push_back(product.path);
    for (const ProductState& product : before.products) check_unchanged(product, finished_path(canonical_form(setup.output), product.path));
    publish_products(canonical_form(setup.output), paths, true);
    RunState ended = before;
    ended.phase = "done";
    write_durably(folder->file("state.json"), ended.text());
    folder->clear_products(before.exit_code != 0);
  }
  // What is published is finished: another run of this output is a new one.
  try {
    check_same_run(before, state);
  } catch (const Error&) {
    return false;
  }
  // Equal in all that decides the result: so the published rows are those that this run would make.
  if (before.exit_code != 0 || !is_whole(before) || !are_stored_as(before.products, o.compress)) return reopen(before);
  state.products = before.products;
  log_info(fmt::format("{} is complete: nothing to do (--fresh makes it again)", setup.output));
  is_complete = true;
  return true;
}

/// Products beside the main one that were not asked for at every attempt have holes.
void Run::Impl::narrow_siblings(const RunState& before) {
  for (const std::string& product : setup.products) {
    const std::string name = name_in_run(product);
    const bool is_derived = std::ranges::find(setup.derived, product) != setup.derived.end();
    if (std::ranges::find(before.along, name) != before.along.end())
      state.along.push_back(name);
    else if (!is_derived)
      throw UsageError(fmt::format(
          "{}: is made while the rows are, and the unfinished run of {} was without it: repeat it as it was, or start over with --fresh",
          product, setup.output));
  }
}

/// Whether the product that was published at a path is still there.
bool Run::Impl::is_published(const RunState& before, const std::string& path) const {
  const auto product = std::ranges::find(before.products, canonical_form(path), &ProductState::path);
  if (product == before.products.end()) return false;
  std::error_code error;
  if (fs::is_directory(product->path, error)) return folder_state(product->path).bytes == product->bytes;
  return static_cast<std::int64_t>(fs::file_size(product->path, error)) == product->bytes && !error;
}

/// Whether all that is asked for now was asked for then, and what was published of it is there. (Rejects are not, when
/// there were none.)
bool Run::Impl::is_whole(const RunState& before) const {
  return std::ranges::all_of(setup.products, [&](const std::string& path) {
    if (is_published(before, path)) return true;
    const std::string canonical = canonical_form(path);
    return path != setup.output && std::ranges::find(before.declared, canonical) != before.declared.end() &&
           std::ranges::find(before.products, canonical, &ProductState::path) == before.products.end();
  });
}

/// Takes a finished run up again, if its rows can be had: for what failed, or for products that are missing.
bool Run::Impl::reopen(const RunState& before) {
  using Reopen = RunSetup::Reopen;
  if (setup.reopen == Reopen::never || (setup.reopen == Reopen::when_failed && before.exit_code == 0)) return false;
  for (const std::string& path : setup.products) {
    if (std::ranges::find(setup.derived, path) != setup.derived.end()) continue;
    // Rows are taken over from the published file: without it there is nothing to take up.
    if (!is_published(before, path)) return false;
    state.along.push_back(name_in_run(path));
  }
  check_replaceable(setup.products);
  state.reopened = before.reopened + 1;
  log_info(before.exit_code != 0 ? fmt::format("{}: partitions failed in the last run: they are tried again", setup.output)
                                 : fmt::format("{}: all rows are there: making what is missing", setup.output));
  if (before.exit_code != 0) {
    journal.emplace(folder->file("journal"));
    append(Event::retry, "", 0);
    journal.reset();
  }
  return true;
}

/// The HDF5 files that the run fills: their paths, by the label of their step in the journal.
std::map<std::string, std::string> Run::Impl::hdf5_files() const {
  std::map<std::string, std::string> files;
  for (const std::string& name : names_in(folder->file("products"))) {
    const std::string path = folder->file("products/" + name);
    if (fs::is_regular_file(path) && container_of(path) == Container::hdf5) files.emplace(structure_label + hex64(hash_text(name)), path);
  }
  return files;
}

void Run::Impl::note_structure(const std::string& label, std::uint64_t hash) {
  JournalRecord record;
  record.event = Event::step;
  record.rows_checksum = structures[label] = hash;
  set_field(record.label, label);
  journal->append(record);
}

/// Before a step that may change what all but the rows of a file is: it is not known from now on.
void Run::Impl::forget_structures() {
  // A kill during the step then leaves "not known", not a hash that no longer fits.
  for (const auto& [label, hash] : structures)
    if (hash != 0) note_structure(label, 0);
  journal->sync();
}

void Run::Impl::note_structures() {
  for (const auto& [label, path] : hdf5_files()) note_structure(label, structure_hash(path));
  journal->sync();
}

/// Rows have checksums of their own; here is what they lie in.
void Run::Impl::check_structures() {
  for (const JournalRecord& record : journal->found())
    if (record.event == Event::step && std::string_view(record.label).starts_with(structure_label))
      structures[record.label] = record.rows_checksum;
  for (const auto& [label, path] : hdf5_files()) {
    if (!structures.contains(label) || structures.at(label) == 0) continue;
    (void)read_attributes(path);  // throws where the library would not survive the file
    if (structure_hash(path) != structures.at(label))
      throw IoError(fmt::format("{}: is not as it was made (changed or damaged since: start over with --fresh)", path));
  }
}

/// Work that killed a process of an earlier attempt has used up one of its own attempts.
void Run::Impl::read_crash_notes() {
  for (const std::string& name : names_in(folder->path())) {
    if (!name.starts_with("crash.")) continue;
    std::istringstream notes(read_file(folder->file(name)));
    for (std::string line; std::getline(notes, line);) {
      std::vector<std::int64_t> numbers;
      for (const std::string& word : split(line, ' ')) numbers.push_back(parse_integer(word).value_or(-1));
      // A note may be cut short by the crash itself.
      if (numbers.size() != 7 || std::count(numbers.begin(), numbers.end(), -1) > 0) continue;
      JournalRecord record;
      record.event = Event::lost;
      record.task = static_cast<std::int32_t>(numbers[0]);
      record.first_partition = numbers[1];
      record.partition_count = numbers[2];
      record.rows = {numbers[3], numbers[4]};
      record.attempt = static_cast<std::int32_t>(numbers[5]) + 1;
      record.rank = static_cast<std::int32_t>(numbers[6]);
      set_field(record.message, "its kernel killed the process");
      journal->append(record);
    }
    remove_file(folder->file(name));
  }
  journal->sync();
}

void Run::Impl::begin_session() {
  JournalRecord record;
  record.event = Event::session;
  record.rank = ranks.size();
  record.partition_count = processor_count();
  record.read_s = ranks.clock().wall_s();
  set_field(record.host, host_name());
  journal->append(record);
}

}  // namespace skyfold
