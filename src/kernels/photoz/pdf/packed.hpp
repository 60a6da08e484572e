#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// The version of packed PDFs that is written, `pdf_version` in the group `meta`; those before are read.
inline constexpr std::int64_t packed_version = 1;

/// Packs PDFs into a fixed number of bytes each, on grids of their own: see docs/pdf.md. One for each thread.
class PdfPacker {
 public:
  /// @param zmin, zmax  between which positions are given as 16 bits
  PdfPacker(double zmin, double zmax) : zmin_(zmin), zmax_(zmax) {}

  /// @param bytes  filled, at least 32
  void pack(const RedshiftPdf& pdf, std::span<std::uint8_t> bytes);

 private:
  /// A cell of the grid, with what the PDF is in it: distribution function at its quarters, and what a straight line cannot follow.
  struct Cell {
    double low, width;
    std::array<double, 5> reached;
    double error;
    int depth;
    int half = -1;  ///< place of its left half in `cells_`; the right one follows; -1: not cut
  };
  [[nodiscard]] static Cell make_cell(double low, double width, const std::array<double, 5>& reached, int depth);
  void want_cut(std::size_t cell);
  void cut(const RedshiftPdf& pdf, std::size_t cell);
  void choose_cells(const RedshiftPdf& pdf, double first, double last, std::size_t most_cells);
  void list_leaves(std::size_t cell, std::span<std::uint8_t> bits, std::size_t& at);
  void project();
  void round_values(std::span<std::uint8_t> codes) const;

  double zmin_, zmax_;
  std::vector<Cell> cells_;
  std::vector<std::pair<double, std::size_t>> worst_;  ///< a heap of errors and their cells
  std::vector<std::size_t> leaves_;                    ///< from left to right
  std::vector<double> values_, diagonal_, right_;      ///< of the ends of cells
};

/// The grid and the values, of any scale, of a packed PDF of a version.
/// @returns false for none
[[nodiscard]] bool unpack_pdf(std::int64_t version, std::span<const std::uint8_t> bytes, double zmin, double zmax, std::vector<double>& z,
                              std::vector<double>& values);

}  // namespace skyfold
