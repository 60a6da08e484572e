// The partitions of a catalogue as the options ask for them, after a check that its order suits.
#include "skyfold/catalogue/partitions.hpp"

#include <fmt/core.h>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

void check_ordering(const Catalogue& catalogue, const PartitionOptions& partition) {
  const Ordering wanted = ordering_for(partition);
  const CatalogueLayout& layout = catalogue.layout();
  const bool suits =
      wanted == Ordering::none || (layout.ordering == wanted && (wanted != Ordering::attribute || layout.attribute == partition.column));
  if (!suits)
    throw UsageError(
        fmt::format("{}: ordered by {}, not for partitions by {} (photoz makes the re-ordered catalogue; or import with --ordering {})",
                    catalogue.path(), name_of(layout.ordering), partition.by, name_of(wanted)));
}

}  // namespace

std::vector<Partition> partitions_of(const Catalogue& catalogue, const PartitionOptions& o, bool is_given) {
  // A catalogue that was imported by tile is cut by tile unless the user says otherwise: it would be refused for nothing.
  const PartitionOptions suited = suited_partition(o, is_given, catalogue.layout().ordering);
  check_ordering(catalogue, suited);
  auto partitions = build_partitions(catalogue.ordered_rows(), suited);
  if (partitions.empty()) throw DataError(catalogue.path() + ": no rows");
  return partitions;
}

}  // namespace skyfold
