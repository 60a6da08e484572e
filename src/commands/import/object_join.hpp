#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// How measurements find their objects: `--join`.
struct JoinRule {
  enum class By { id, position } by = By::id;
  std::string id;  ///< column of the measurements that has the objects' ids
  double radius_arcsec = 0.0;
  [[nodiscard]] bool is_by_id() const noexcept { return by == By::id; }
};
/// Reads "id:COLUMN" or "position:ARCSEC". Throws UsageError.
[[nodiscard]] JoinRule join_rule(const std::string& text);

/// One share of the objects of a catalogue, in memory, that measurements are joined to. Shares are looked at one after the other: all
/// objects need not fit the memory. Constant, for any thread.
class ObjectShare {
 public:
  virtual ~ObjectShare() = default;
  /// The nearest or only object of this share for rows [begin, end): where there is one, and it is nearer than an earlier share's, its row
  /// replaces that in `object`.
  /// @param rows        has the columns that the rule needs
  /// @param object      row of /object by row, or none
  /// @param separation  arcsec by row, of the object found; of joins by id untouched
  virtual void find(const Table& rows, std::size_t begin, std::size_t end, std::span<std::int64_t> object,
                    std::span<double> separation) const = 0;
};

/// Shares of the objects that fit `memory_bytes` each.
[[nodiscard]] std::int64_t object_shares(const Catalogue& catalogue, const JoinRule& rule, std::int64_t memory_bytes);
/// Reads one of them. Throws DataError for ids that occur twice.
/// @param columns  of the measurements: names of id, or of right ascension and declination
[[nodiscard]] std::unique_ptr<ObjectShare> read_object_share(const Catalogue& catalogue, const JoinRule& rule,
                                                             const std::vector<std::string>& columns, std::int64_t share,
                                                             std::int64_t shares);

}  // namespace skyfold
