#pragma once

#include <optional>
#include <string>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// What an option that names a column says when there is to be none.
inline constexpr const char* no_column = "none";
/// True for "none", unless the table has a column of that name.
[[nodiscard]] bool names_no_column(const std::string& given, const Schema& schema);

/// A cell that keeps a column of real numbers from being ids.
struct NoId {
  std::int64_t row = 0;  ///< of the file, counted from 0
  std::string problem;   ///< "1.5 is not a whole number"
};

/// The first row of a column of real numbers that is no id: ids are whole numbers that the type holds exactly with all their digits, below
/// 2^53 (f4: 2^24). Nothing when all rows are ids. Collective in the sense of `run`.
[[nodiscard]] std::optional<NoId> find_no_id(const Source& source, const std::string& column, const ScanRunner& run = scan_here);

}  // namespace skyfold
