#pragma once

#include <functional>
#include <string>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/plan/plan.hpp"

namespace skyfold {

/// Whether the rows of a catalogue are in the order that the partitions need.
[[nodiscard]] bool suits(const CatalogueLayout& layout, const PartitionOptions& partition);

/// What a command asks of its catalogue.
struct OrderAsked {
  PartitionOptions partition;
  bool is_given = true;          ///< the partitions are asked for; else the order of a catalogue decides them
  bool needs_positions = false;  ///< whatever the partitions
  std::string output;            ///< of the command: beside it stands the copy of a table that is no catalogue
  /// Told before a copy is made, on every rank: what is wrong with the options. The rows are not yet counted.
  std::function<void(const CatalogueLayout&)> check{};
};

/// Path of a catalogue whose order suits: `in.path` itself, or a copy in that order. Collective.
///
/// The copy of a catalogue (SURVEY.by-tile.h5) is beside it, that of another table (Z.catalogue.h5 for the output Z.h5) beside the output.
/// It is a product of an import of its own, kept for later runs, and made anew when the table, or how it is read, has changed: of
/// catalogues the fingerprint tells, of other tables the hash of all bytes. A run that finds another one making it waits.
[[nodiscard]] std::string ordered_catalogue(const CatalogueInput& in, const OrderAsked& asked, const CommandContext& context);

}  // namespace skyfold
