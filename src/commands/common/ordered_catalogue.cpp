// A catalogue in the order that a command needs: itself, a re-ordered copy beside it, or an ordered copy of a table that is no
// catalogue. Copies are made once and used by all later runs, as long as they are of what the user has now.
#include "skyfold/commands/ordered_catalogue.hpp"

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <thread>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/table_import.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/version.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/registry/content.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

/// SURVEY.h5 -> SURVEY.by-tile.h5
std::string reordered_path(const std::string& path, const PartitionOptions& partition) {
  const std::string order = ordering_for(partition) == Ordering::attribute ? partition.column : name_of(ordering_for(partition));
  return path_beside(path, "by-" + order);
}

void check_possible(const Catalogue& catalogue, const PartitionOptions& partition) {
  const CatalogueLayout& layout = catalogue.layout();
  const Ordering wanted = ordering_for(partition);
  if (wanted == Ordering::healpix && layout.roles.ra.empty())
    throw UsageError(fmt::format("{}: no coordinates, so no partitions by {} (use --partition.by rows)", catalogue.path(), partition.by));
  if (wanted == Ordering::tile && layout.roles.tile.empty())
    throw UsageError(fmt::format("{}: no tile names, so no partitions by tile", catalogue.path()));
  if (wanted != Ordering::attribute) return;
  if (partition.column.empty()) throw UsageError("--partition.column is missing (the column whose bins are the partitions)");
  const auto column = find_column(layout.schema, partition.column);
  if (!column) throw UsageError(fmt::format("{}: no column {} (named by --partition.column)", catalogue.path(), partition.column));
  if (layout.schema[*column].type == Type::text || layout.schema[*column].width != 1)
    throw UsageError(fmt::format("{}: column {} is not a column of numbers", catalogue.path(), partition.column));
}

/// True when a copy exists that was made from what has this very fingerprint.
bool is_current(const std::string& copy, const std::string& fingerprint) {
  if (!std::filesystem::exists(copy) || !is_catalogue(copy)) return false;
  // The name says little: a table that was made anew has another fingerprint.
  return source_fingerprint_in(Catalogue(copy).layout().provenance) == fingerprint;
}

/// The import that re-orders a catalogue.
TableImport reordering(const Catalogue& catalogue, const PartitionOptions& partition) {
  const Roles& roles = catalogue.layout().roles;
  TableImport copy;
  copy.input = {catalogue.path(), roles.ra, roles.dec, roles.id, roles.tile, {}};
  copy.input.source.format = "hdf5";
  copy.input.source.group = "/object";
  copy.output = reordered_path(catalogue.path(), partition);
  copy.ordering = ordering_for(partition);
  copy.attribute = partition.column;
  copy.source_fingerprint = catalogue.fingerprint();
  return copy;
}

/// Hash of all bytes of a table: of its file, or of the files in its folder with their names.
std::string hash_of_table(const std::string& path, int threads) {
  if (!std::filesystem::is_directory(path)) return file_hash(path, threads);
  // Names, sizes and times of all files, those that describe the rows too; and the bytes of the rows.
  std::uint64_t hash = hash_text(folder_state(path).listing);
  for (const std::string& file : parquet_files_below(path)) hash = hash_text(file_hash(file, threads), hash);
  return hex64(hash);
}

/// Hash of all that decides the ordered copy of a plain table: its bytes, how they are read, and the order.
std::string fingerprint_of(const TableImport& copy, int threads) {
  CatalogueInput read = copy.input;
  OptionSet options;
  describe(options, read);
  std::uint64_t hash =
      hash_text(fmt::format("{}\n{}\n{}\n{}\n{}", hash_of_table(input_file(read.path), threads), join(input_name(read.path).brackets, "]["),
                            program_version, name_of(copy.ordering), copy.takes_any_order));
  hash = hash_text(copy.attribute, hash);
  for (const auto& [name, value] : options.answer_options()) hash = hash_text(name + "=" + value + "\n", hash);
  return hex64(hash);
}

/// The import of a table that is no catalogue; its fingerprint, which takes reading it, is still open.
TableImport ordering_of(const CatalogueInput& in, const OrderAsked& asked) {
  if (in.path.ends_with(".lst")) throw UsageError(in.path + ": is a list of files, and no table (import takes lists)");
  TableImport copy;
  copy.input = in;
  // As Dataset does: products have tables beside their objects.
  if (in.source.group.empty() && is_own_product(in.path)) copy.input.source.group = "/object";
  copy.output = path_beside(asked.output, "catalogue");
  const Ordering wanted = asked.is_given ? ordering_for(asked.partition) : Ordering::none;
  // Blocks of rows suit every order: then it is that of the sky, as by import, where there are positions.
  copy.takes_any_order = wanted == Ordering::none && !asked.needs_positions;
  copy.ordering = wanted == Ordering::none ? Ordering::healpix : wanted;
  if (wanted == Ordering::attribute) copy.attribute = asked.partition.column;
  if (wanted == Ordering::attribute && copy.attribute.empty())
    throw UsageError("--partition.column is missing (the column whose bins are the partitions)");
  copy.check = asked.check;
  return copy;
}

/// What is at the copy's path may be replaced only if it is a copy, too: the user has not named it.
void check_is_a_copy(const std::string& copy) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(copy, error))) return;
  try {
    if (is_catalogue(copy) && !source_fingerprint_in(Catalogue(copy).layout().provenance).empty()) return;
  } catch (const Error&) {  // another kind of file
  }
  throw IoError(fmt::format("{}: is there, and is no ordered copy, which would take its place (move it away)", copy));
}

/// Other runs may need the same copy: one makes it, the others wait for it.
void wait_while_held(const std::string& copy) {
  constexpr std::chrono::seconds told_every(10);
  constexpr std::chrono::milliseconds look_interval(300);
  auto told = std::chrono::steady_clock::time_point::min();
  for (std::string holder; !(holder = holder_of(copy)).empty(); std::this_thread::sleep_for(look_interval)) {
    check_stop();
    if (told != std::chrono::steady_clock::time_point::min() && std::chrono::steady_clock::now() - told < told_every) continue;
    told = std::chrono::steady_clock::now();
    log_info(fmt::format("{}: another run is making it ({}): waiting for it", copy, holder));
  }
}

/// Makes the copy unless it is there and current; collective. Rank 0 is called `before`, and with rows and time after, it is made.
/// Returns whether it was.
template <class Before, class After>
bool provide(const TableImport& copy, const CommandContext& context, const Before& before, const After& after) {
  const Ranks& ranks = *context.ranks;
  while (true) {
    if (ranks.on_first([&] {
          wait_while_held(copy.output);
          return std::string(is_current(copy.output, copy.source_fingerprint) ? "yes" : "");
        }) == "yes")
      return false;
    if (ranks.is_first()) before();
    try {
      const auto start = std::chrono::steady_clock::now();
      const std::int64_t rows = import_table(copy, context);
      if (ranks.is_first()) after(rows, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      return true;
    } catch (const Error& error) {
      // The lock tells of a quicker run by this text: then the loop waits for its copy.
      if (std::string_view(error.what()).find(held_text) == std::string_view::npos) throw;  // else another run was quicker
    }
  }
}

std::string copy_of_table(const CatalogueInput& in, const OrderAsked& asked, const CommandContext& context) {
  Ranks& ranks = *context.ranks;
  TableImport copy;
  ranks.together([&] { copy = ordering_of(in, asked); });
  ranks.on_first_only([&] { check_is_a_copy(copy.output); });
  copy.source_fingerprint = ranks.on_first([&] { return fingerprint_of(copy, context.threads); });
  const auto say_it_is_made = [&](std::int64_t rows, double seconds) {
    log_info(fmt::format("{} is no catalogue: ordered copy {} made ({} rows, {:.1f} s); import once to save this", in.path, copy.output,
                         grouped(rows), seconds));
  };
  const bool is_made = provide(
      copy, context, [] {}, say_it_is_made);
  if (!is_made && ranks.is_first()) log_info(fmt::format("using {}, the ordered copy of {}", copy.output, in.path));
  if (ranks.is_first()) context.process.input(copy.output);
  return copy.output;
}

std::string copy_of_catalogue(const CatalogueInput& in, const OrderAsked& asked, const CommandContext& context) {
  Ranks& ranks = *context.ranks;
  std::optional<TableImport> copy;
  ranks.together([&] {
    const Catalogue catalogue(in.path);
    const PartitionOptions partition = suited_partition(asked.partition, asked.is_given, catalogue.layout().ordering);
    if (suits(catalogue.layout(), partition)) return;
    check_possible(catalogue, partition);
    if (asked.check) asked.check(catalogue.layout());
    copy = reordering(catalogue, partition);
    check_is_a_copy(copy->output);
  });
  remark_idle_source(in);
  if (!copy) return in.path;
  const std::string order = copy->attribute.empty() ? name_of(copy->ordering) : copy->attribute;
  const auto say_why = [&] {
    log_info(fmt::format("{} is not ordered by {}: making {} (kept for later runs)", in.path, order, copy->output));
  };
  if (!provide(*copy, context, say_why, [](std::int64_t, double) {}) && ranks.is_first())
    log_info(fmt::format("using {}, the catalogue ordered by {}", copy->output, name_of(copy->ordering)));
  return copy->output;
}

}  // namespace

bool suits(const CatalogueLayout& layout, const PartitionOptions& partition) {
  const Ordering wanted = ordering_for(partition);
  if (wanted == Ordering::none) return true;
  return layout.ordering == wanted && (wanted != Ordering::attribute || layout.attribute == partition.column);
}

std::string ordered_catalogue(const CatalogueInput& in, const OrderAsked& asked, const CommandContext& context) {
  const bool is_plain = context.ranks->on_first([&] { return std::string(is_plain_table(in) ? "yes" : ""); }) == "yes";
  return is_plain ? copy_of_table(in, asked, context) : copy_of_catalogue(in, asked, context);
}

}  // namespace skyfold
