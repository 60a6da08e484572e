#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// Packs PDFs into a fixed number of bytes each, on grids of their own: see docs/pdf.md. One for each thread.
class PdfPacker {
 public:
  /// @param zmin, zmax  between which positions are given as 16 bits
  PdfPacker(double zmin, double zmax) : zmin_(zmin), zmax_(zmax) {}

  /// @param bytes  filled, at least 32
  void pack(const RedshiftPdf& pdf, std::span<std::uint8_t> bytes);

 private:
  void choose_levels(const RedshiftPdf& pdf, std::size_t most_cells);
  [[nodiscard]] double error_of(const RedshiftPdf& pdf, std::size_t block, int level) const;

  double zmin_, zmax_;
  double first_ = 0.0, block_ = 0.0;  ///< where the grid begins, and the width of a sixteenth of it
  std::vector<int> levels_;
  std::vector<double> grid_, values_;
};

/// The grid and the values, of any scale, of a packed PDF.
/// @returns false for none
[[nodiscard]] bool unpack_pdf(std::span<const std::uint8_t> bytes, double zmin, double zmax, std::vector<double>& z,
                              std::vector<double>& values);

}  // namespace skyfold
