#pragma once

#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// A per-object computation: each output row is a function of its input row and of the side data that the
/// kernel was built with, of nothing else. No I/O, no MPI, no state between calls.
class Kernel {
 public:
  virtual ~Kernel() = default;

  /// Columns of the driving catalogue that `run` reads.
  [[nodiscard]] virtual std::vector<std::string> needs() const = 0;
  /// Columns that `run` fills.
  [[nodiscard]] virtual Schema gives() const = 0;
  /// Computes one output row per row of `in`.
  ///
  /// @param in       the columns of `needs()`, by name
  /// @param out      has the columns of `gives()`, by position, and as many rows as `in`
  /// @param threads  OpenMP threads to use, >= 1; the result does not depend on it
  virtual void run(const Table& in, Table& out, int threads) const = 0;
  /// Fills `out` for rows that could not be computed: missing values, and the flag that says so.
  virtual void mark_failed(Table& out) const = 0;
};

}  // namespace skyfold
