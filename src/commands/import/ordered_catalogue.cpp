// A catalogue in the order that a command needs: itself, or a re-ordered copy beside it, which is made once and used by all later
// runs.
#include "skyfold/commands/ordered_catalogue.hpp"

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <thread>

#include "catalogue.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/placement.hpp"

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

/// True when a copy exists that was made from this very catalogue.
bool is_current(const std::string& copy, const std::string& fingerprint) {
  if (!std::filesystem::exists(copy) || !is_catalogue(copy)) return false;
  // The name says little: a catalogue that was made anew has another fingerprint.
  return source_fingerprint_in(Catalogue(copy).layout().provenance) == fingerprint;
}

ImportOptions import_options(const Catalogue& catalogue, const PartitionOptions& partition, const std::string& copy) {
  const Roles& roles = catalogue.layout().roles;
  ImportOptions o;
  o.input = {catalogue.path()};
  o.output = copy;
  o.ordering = name_of(ordering_for(partition));
  o.ordering_column = o.ordering == "attribute" ? partition.column : "";
  o.ra = roles.ra;
  o.dec = roles.dec;
  o.id = roles.id;
  o.tile = roles.tile;
  o.source.format = "hdf5";
  o.source.group = "/object";
  // By it later runs see whether the copy is of this catalogue as it is now.
  o.source_fingerprint = catalogue.fingerprint();
  return o;
}

/// What is at the copy's path may be replaced only if it is a copy, too: the user has not named it.
void check_is_a_copy(const std::string& copy) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(copy, error))) return;
  try {
    if (is_catalogue(copy) && !source_fingerprint_in(Catalogue(copy).layout().provenance).empty()) return;
  } catch (const Error&) {  // another kind of file
  }
  throw IoError(fmt::format("{}: is there, and is no re-ordered copy, which would take its place (move it away)", copy));
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

/// The copy is a product of its own, of the import that makes it; collective.
void make_copy(const ImportOptions& o, const CommandContext& context) {
  ImportOptions copied = o;
  OptionSet effective;
  describe(effective, copied);
  std::optional<Process> process;
  if (context.ranks->is_first()) {
    ProcessOptions recorded;
    recorded.project = context.options.value("project");
    process.emplace("import", effective, recorded, context.ranks->size(), context.threads);
  } else {
    process.emplace();
  }
  // The user restricted the run's products; the copy is beside its catalogue, wherever that is.
  const ProductsAnywhere beside_the_catalogue;
  try {
    import_catalogue(copied, {effective, context.ranks, context.threads, context.run, *process});
    process->end(ExitCode::done, "");
  } catch (const Error& error) {
    process->end(error.code(), error.what());
    throw;
  }
}

}  // namespace

bool suits(const CatalogueLayout& layout, const PartitionOptions& partition) {
  const Ordering wanted = ordering_for(partition);
  if (wanted == Ordering::none) return true;
  return layout.ordering == wanted && (wanted != Ordering::attribute || layout.attribute == partition.column);
}

std::string ordered_catalogue(const std::string& path, const PartitionOptions& partition, const CommandContext& context) {
  Ranks& ranks = *context.ranks;
  std::string copy, is_usable;
  std::optional<ImportOptions> o;
  ranks.together([&] {
    const Catalogue catalogue(path);
    if (suits(catalogue.layout(), partition)) return;
    check_possible(catalogue, partition);
    copy = reordered_path(path, partition);
    check_is_a_copy(copy);
    o = import_options(catalogue, partition, copy);
  });
  if (copy.empty()) return path;
  while (true) {
    if (ranks.on_first([&] {
          wait_while_held(copy);
          return std::string(is_current(copy, o->source_fingerprint) ? "yes" : "");
        }) == "yes") {
      if (ranks.is_first()) log_info(fmt::format("using {}, the catalogue ordered by {}", copy, o->ordering));
      return copy;
    }
    if (ranks.is_first())
      log_info(fmt::format("{} is not ordered by {}: making {} (kept for later runs)", path,
                           o->ordering_column.empty() ? o->ordering : o->ordering_column, copy));
    try {
      make_copy(*o, context);
      return copy;
    } catch (const Error& error) {
      // The lock tells of a quicker run by this text: then the loop waits for its copy.
      if (std::string_view(error.what()).find(held_text) == std::string_view::npos) throw;  // else another run was quicker
    }
  }
}

}  // namespace skyfold
