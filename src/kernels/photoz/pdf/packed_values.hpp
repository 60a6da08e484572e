#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace skyfold {

/// The values of packed PDFs, in bytes, at the ends of their cells: four PDFs at a time, each in a lane of its own, since each value waits
/// for the one before.
class PackedValues {
 public:
  [[nodiscard]] bool is_full() const noexcept { return used_ == lanes; }
  /// The cells of the next PDF follow, at most one fewer than `codes` has places.
  /// @param codes        filled by `finish`
  /// @param is_at_right  where the end of the cells at which all is, when there is nothing in them, is the last one
  void begin(std::span<std::uint8_t> codes, bool is_at_right);
  /// @param reached  distribution function at the quarters of the cell
  void add(double width, const std::array<double, 5>& reached);
  /// Fills the bytes of all PDFs that have begun.
  void finish();

 private:
  static constexpr std::size_t lanes = 4;
  struct Place {
    std::span<std::uint8_t> codes;
    std::size_t cells;
    bool is_at_right;
  };
  std::array<Place, lanes> places_{};
  std::size_t used_ = 0, rows_ = 0;
  std::vector<double> width_, value_, diagonal_;  ///< of cells and their left ends, shape [rows_ x lanes]
};

}  // namespace skyfold
