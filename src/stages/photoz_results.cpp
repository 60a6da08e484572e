#include "photoz_results.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

struct FlagName {
  std::int32_t bit;
  const char* meaning;
};
constexpr std::array<FlagName, 9> flag_names = {{{photoz_missing_band, "a band was not observed"},
                                                 {photoz_no_band, "no band is usable"},
                                                 {photoz_few_neighbours, "too few neighbours"},
                                                 {photoz_rank_deficient, "the neighbours do not determine a fit"},
                                                 {photoz_extrapolated, "outside the range of the training redshifts"},
                                                 {photoz_outside_coverage, "far from the training set"},
                                                 {photoz_no_magnitude_error, "a band has no error"},
                                                 {photoz_pdf_off_grid, "less than half of the PDF lies on the grid"},
                                                 {photoz_failed, "the computation failed"}}};

/// A histogram of fixed bins from 0; what lies outside is counted apart.
struct Histogram {
  double width;
  std::size_t bins;

  [[nodiscard]] std::size_t place(double value) const noexcept {  // the last one: outside, or NaN
    const double bin = value / width;
    return bin >= 0.0 && bin < static_cast<double>(bins) ? static_cast<std::size_t>(bin) : bins;
  }
  [[nodiscard]] std::size_t size() const noexcept { return bins + 1; }

  [[nodiscard]] Series series(std::span<const std::int64_t> counts) const {
    std::size_t last = bins;
    while (last > 1 && counts[last - 1] == 0) --last;
    std::vector<double> x, y;
    for (std::size_t i = 0; i < last; ++i) {
      x.push_back((static_cast<double>(i) + 0.5) * width);
      y.push_back(static_cast<double>(counts[i]));
    }
    return {"", "boxes lc rgb '#1f5fa8'", {x, y}};
  }
};
constexpr Histogram redshifts{0.02, 500}, errors{0.005, 400};

/// All counts of a product in one array, so that ranks can add theirs.
class Counts {
 public:
  void add(const Table& rows) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      ++all_[redshifts.place(rows[0].number(i))];
      ++all_[redshifts.size() + errors.place(rows[1].number(i))];
      const std::int64_t flags = rows[2].integer(i);
      ++flag(flag_names.size() + (flags != 0 ? 1 : 0));
      for (std::size_t k = 0; k < flag_names.size(); ++k) flag(k) += (flags & flag_names[k].bit) != 0;
    }
  }
  [[nodiscard]] std::span<std::int64_t> all() noexcept { return all_; }
  [[nodiscard]] std::span<const std::int64_t> z() const noexcept { return std::span(all_).first(redshifts.size()); }
  [[nodiscard]] std::span<const std::int64_t> z_err() const noexcept { return std::span(all_).subspan(redshifts.size(), errors.size()); }
  /// Of the bits of flag_names; then objects without any flag and with some.
  std::int64_t& flag(std::size_t i) noexcept { return all_[redshifts.size() + errors.size() + i]; }

 private:
  std::vector<std::int64_t> all_ = std::vector<std::int64_t>(redshifts.size() + errors.size() + flag_names.size() + 2);
};

}  // namespace

void describe_photoz_product(const Ranks& ranks, const std::string& path, Process& process) {
  Counts counts;
  std::int64_t rows = 0;
  ranks.together([&] {
    const RowReader product(path);
    rows = product.rows();
    Table block;
    for (const char* name : {"z_phot", "z_err", "flags"}) block.add(product.schema()[*find_column(product.schema(), name)]);
    for (std::int64_t begin = ranks.rank() * zone_rows; begin < rows; begin += ranks.size() * zone_rows) {
      product.read({begin, std::min(begin + zone_rows, rows)}, block);
      counts.add(block);
    }
  });
  ranks.sum(counts.all());
  process.fact("objects", grouped(rows));
  process.fact("objects without any flag", grouped(counts.flag(flag_names.size())));
  LogTable flags{"Flags", {"bit", "meaning", "objects"}, {}, "An object may have several."};
  for (std::size_t k = 0; k < flag_names.size(); ++k)
    if (counts.flag(k) > 0) flags.rows.push_back({std::to_string(flag_names[k].bit), flag_names[k].meaning, grouped(counts.flag(k))});
  if (flags.rows.empty()) process.add("results", std::string("No object has a flag."));
  else process.add("results", flags);
  process.add("results", Plot{"n_of_z",
                              "Photometric redshifts",
                              "z_phot",
                              fmt::format("objects in {}", redshifts.width),
                              "set xrange [0:*]\nset yrange [0:*]",
                              {redshifts.series(counts.z())}});
  process.add("results", Plot{"errors",
                              "Errors",
                              "z_err",
                              fmt::format("objects in {}", errors.width),
                              "set xrange [0:*]\nset yrange [0:*]",
                              {errors.series(counts.z_err())}});
}

}  // namespace skyfold
