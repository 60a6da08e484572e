#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/mock/options.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// Filters of the survey of measurements, in the order of their names.
inline constexpr std::size_t photometry_filter_count = 6;
inline constexpr std::array<const char*, photometry_filter_count> photometry_filters = {"F110W", "F160W", "F275W",
                                                                                        "F336W", "F475W", "F814W"};

/// How a galaxy is measured star by star (docs/mock.md says how); objects and seed are those of MockOptions.
struct PhotometryMockOptions {
  long measurements = 0;      ///< exactly; 0: ten times the objects
  long visits = 60;           ///< of each field in each filter
  double variables = 0.001;   ///< part of the objects that pulsate
  bool has_positions = true;  ///< measurements have positions of their own
};
void describe(OptionSet& option, PhotometryMockOptions& o);

/// The light curve of a pulsating star: magnitude above its mean, in units of the amplitude, which is from peak to peak; its shape is that
/// of a Cepheid, a rapid rise and a slow decline.
/// @param phase  0 to 1
[[nodiscard]] double pulsation(double phase) noexcept;

/// A galaxy like M31 in bricks like those of PHAT (Dalcanton et al. 2012, ApJS 200, 18): stars of its disc with magnitudes in six filters,
/// and their measurements at the visits of their brick. Made cell by cell in the order of a catalogue; every value is a function of the
/// options and of the object's place alone.
class MockPhotometry {
 public:
  struct Cell {
    std::int64_t pixel = 0;  ///< nested, of order `order`
    RowRange rows;
  };
  static constexpr int order = 11;  ///< of the cells, 1.7 arcmin

  /// Throws UsageError for more measurements than there are visits, or fewer than the variable stars have.
  MockPhotometry(const MockOptions& objects, const PhotometryMockOptions& options);

  [[nodiscard]] std::int64_t rows() const noexcept { return objects_.objects; }
  [[nodiscard]] std::span<const Cell> cells() const noexcept { return cells_; }
  /// First measurement of an object; of the row after the last one: their number.
  [[nodiscard]] std::int64_t first_measurement(std::int64_t row) const noexcept;
  [[nodiscard]] std::int64_t measurements() const noexcept { return first_measurement(rows()); }

  /// id, ra, dec, brick, X_vega and X_err of each filter, variable (0 no, 1 Cepheid, 2 RR Lyrae), period, archive ids, _healpix_29.
  [[nodiscard]] static Schema object_schema();
  /// objid, ra, dec (unless they are left out), mjd, filter and image (numbers in `filters`, `images`), mag, mag_err.
  [[nodiscard]] Schema measurement_schema() const;
  /// Names of the images, sorted: a brick, a filter, a visit.
  [[nodiscard]] std::vector<std::string> images() const;

  /// Makes objects `rows` and all their measurements; both tables are resized.
  void generate(RowRange rows, Table& objects, Table& measurements, int threads) const;

 private:
  struct Star;
  [[nodiscard]] std::vector<std::int64_t> draw_keys(const Cell& cell) const;
  void generate_part(const Cell& cell, RowRange part, RowRange rows, Table& objects, Table& measurements) const;
  void measure_star(const Star& star, std::int64_t row, Table& measurements, std::size_t at) const;
  [[nodiscard]] double visit_time(std::int64_t brick, std::size_t filter, std::int64_t visit) const noexcept;
  [[nodiscard]] bool is_variable(std::int64_t row) const noexcept { return stride_ > 0 && row % stride_ == 0; }
  [[nodiscard]] std::int64_t variables_before(std::int64_t row) const noexcept { return stride_ > 0 ? (row + stride_ - 1) / stride_ : 0; }

  MockOptions objects_;
  PhotometryMockOptions options_;
  std::int64_t stride_ = 0;  ///< every so many rows a variable star; 0: none
  std::vector<Cell> cells_;
};

}  // namespace skyfold
