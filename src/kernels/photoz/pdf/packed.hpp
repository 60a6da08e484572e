#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "packed_values.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// The version of packed PDFs that is written, `pdf_version` in the group `meta`; those before are read.
inline constexpr std::int64_t packed_version = 1;

/// Packs PDFs into a fixed number of bytes each, on grids of their own: see docs/pdf.md. One for each thread.
class PdfPacker {
 public:
  static constexpr int most_depth = 10;  ///< times that a block is halved

  /// @param zmin, zmax  between which positions are given as 16 bits
  PdfPacker(double zmin, double zmax) : zmin_(zmin), zmax_(zmax) {}

  /// @param bytes  at least 32; filled when `finish` was called, and must stay until then
  void pack(const RedshiftPdf& pdf, std::span<std::uint8_t> bytes);
  void finish() { values_.finish(); }

 private:
  static constexpr std::uint32_t unknown = 0xffffffff;
  /// A cell that may be halved; of equal ones the later comes first.
  struct Wanted {
    double error;
    std::uint32_t number, cell;
    auto operator<=>(const Wanted&) const = default;
  };
  void choose_cells(const RedshiftPdf& pdf, double first, double last, std::size_t most_cells);
  void make_room(std::size_t cells);
  void put_cell(std::size_t cell, double low, const std::array<double, 5>& reached, std::uint8_t depth);
  void find_errors(std::size_t begin, std::size_t end);
  [[nodiscard]] bool is_wanted(std::size_t cell) const;
  void look_into_worst(const RedshiftPdf& pdf, std::size_t most);
  void cut_worst();
  void replace_worst(const Wanted& wanted);
  void list_leaves(std::size_t cell, std::span<std::uint8_t> bits, std::size_t& at);

  double zmin_, zmax_;
  std::array<double, most_depth + 1> width_{};  ///< of cells that were halved so often
  // Cells: where they begin, the PDF's distribution function at their quarters, what a straight line cannot follow, how often their block
  // was halved, and where their halves are; halves may have been made before a cell is cut.
  std::vector<double> low_, error_;
  std::array<std::vector<double>, 5> reached_;
  std::vector<std::uint8_t> depth_, is_cut_;
  std::vector<std::uint32_t> half_;
  std::size_t made_ = 0, cells_ = 0;  ///< the second: but for those made early
  std::vector<Wanted> worst_;         ///< a heap
  std::vector<std::size_t> leaves_;   ///< from left to right
  PackedValues values_;
};

/// The grid and the values, of any scale, of a packed PDF of a version.
/// @returns false for none
[[nodiscard]] bool unpack_pdf(std::int64_t version, std::span<const std::uint8_t> bytes, double zmin, double zmax, std::vector<double>& z,
                              std::vector<double>& values);

}  // namespace skyfold
