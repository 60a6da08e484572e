#pragma once

#include <functional>

#include "leaves.hpp"
#include "skyfold/catalogue/halo.hpp"
#include "skyfold/dataset/chosen_rows.hpp"

namespace skyfold {

/// Rows of a HATS catalogue near the borders of leaves that they are not in: what a margin catalogue has for each leaf, so that searches
/// about the rows of a leaf need no other one. Main thread only.
class MarginRows {
 public:
  /// @param rows    of the catalogue; outlives this
  /// @param leaves  that have rows
  /// @param read    reads rows with all columns of an export
  MarginRows(const ChosenRows& rows, std::vector<Leaf> leaves, double radius_arcsec, std::function<void(RowRange rows, Table& out)> read);

  /// Rows of other leaves within the radius of the pixel of a leaf, in the order of the sky.
  void read(RowRange leaf, Table& out) const;

 private:
  void add_near(const Leaf& leaf, const class PixelBorder& border, RowRange candidates, Table& out) const;

  const ChosenRows& rows_;
  std::vector<Leaf> leaves_;
  double radius_deg_;
  HaloFinder finder_;
  std::function<void(RowRange rows, Table& out)> read_all_;
  Schema places_;  ///< key and position
};

}  // namespace skyfold
