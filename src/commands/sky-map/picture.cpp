// The picture of a map. Pixels that are smaller than a cell of the picture are joined first, so that memory and time depend on the picture.
#include "picture.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "../common/sky_picture.hpp"
#include "product.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
/// A gnomonic picture distorts: beyond this the whole sky is drawn.
constexpr double widest_reach_deg = 30.0, largest_reach_deg = 75.0;
constexpr double cells_across = 420.0;

/// The middle of the pixels, and how far the farthest is from it, degrees.
struct Extent {
  Position centre;
  double radius = 0.0;
  double x = 0.0, y = 0.0;  ///< largest distances east or west, north or south, in the tangent plane
};
Extent extent_of(const std::string& table) {
  Vector3 sum;
  each_pixel_block(table, {"ra", "dec"}, [&](const Table& rows) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const Vector3 u = direction_of(rows[0].number(i), rows[1].number(i));
      sum = {sum.x + u.x, sum.y + u.y, sum.z + u.z};
    }
  });
  const double length = std::hypot(sum.x, sum.y, sum.z);
  if (!(length > 0.0)) return {{0.0, 0.0}, 180.0};
  double ra = std::atan2(sum.y, sum.x) / degree;
  if (ra < 0.0) ra += 360.0;
  Extent extent{{ra, std::asin(std::clamp(sum.z / length, -1.0, 1.0)) / degree}, 0.0};
  const Vector3 c = direction_of(extent.centre.ra, extent.centre.dec);
  double least = 1.0;
  each_pixel_block(table, {"ra", "dec"}, [&](const Table& rows) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const Position at{rows[0].number(i), rows[1].number(i)};
      const double cosine = dot(c, direction_of(at.ra, at.dec));
      least = std::min(least, cosine);
      // Near the horizon of the tangent plane, and beyond, nothing is drawn in it.
      if (cosine < 0.1) continue;
      const double d_ra = (at.ra - extent.centre.ra) * degree, dec = at.dec * degree, dec0 = extent.centre.dec * degree;
      extent.x = std::max(extent.x, std::abs(std::cos(dec) * std::sin(d_ra)) / cosine / degree);
      extent.y =
          std::max(extent.y, std::abs(std::cos(dec0) * std::sin(dec) - std::sin(dec0) * std::cos(dec) * std::cos(d_ra)) / cosine / degree);
    }
  });
  extent.radius = std::acos(std::clamp(least, -1.0, 1.0)) / degree;
  return extent;
}

/// Pixels of a column, joined to those of a coarser order.
class Joined {
 public:
  Joined(const std::string& table, const std::string& column, bool is_count, int from, int to) : order_(to), is_count_(is_count) {
    each_pixel_block(table, {"pix", "n", column}, [&](const Table& rows) {
      const Column& values = rows.at(column);
      for (std::size_t i = 0; i < rows.rows(); ++i) {
        const double n = rows.at("n").number(i), value = values.number(i);
        if (std::isnan(value)) continue;
        Sum& sum = sums_[rows.at("pix").integer(i) >> (2 * (from - to))];
        sum.weight += n;
        // Counts add up; all else is averaged with the number of rows as weight.
        sum.value += is_count ? value : n * value;
      }
    });
  }
  [[nodiscard]] double at(Position position) const {
    const auto found = sums_.find(pixel_of(healpix29(position), order_));
    return found == sums_.end() ? std::numeric_limits<double>::quiet_NaN() : value_of(found->second);
  }
  /// Without a per cent at each end, where pixels with few rows are.
  [[nodiscard]] std::pair<double, double> usual_range() const { return {quantile(values(), 0.01), quantile(values(), 0.99)}; }
  [[nodiscard]] bool spans_decades() const {
    const std::vector<double> values = this->values();
    return !values.empty() && quantile(values, 0.1) > 0.0 && quantile(values, 0.99) > 30.0 * quantile(values, 0.1);
  }

 private:
  struct Sum {
    double weight = 0.0, value = 0.0;
  };
  [[nodiscard]] std::vector<double> values() const {
    std::vector<double> all;
    for (const auto& [pixel, sum] : sums_) all.push_back(value_of(sum));
    return all;
  }
  [[nodiscard]] double value_of(const Sum& sum) const { return is_count_ ? sum.value / pixel_area_deg2(order_) : sum.value / sum.weight; }

  int order_;
  bool is_count_;
  std::unordered_map<std::int64_t, Sum> sums_;
};

}  // namespace

std::string draw_map(const std::string& path, const std::string& table, const SkyMapOptions& o, const MapStatistics& statistics) {
  const std::string column = o.plot_column.empty() ? statistics.first() : o.plot_column;
  const int order = order_of_nside(o.nside);
  const Extent extent = extent_of(table);
  const double pixel = std::sqrt(pixel_area_deg2(order));
  const double margin = std::max(pixel, 0.04 * extent.radius), reach_deg = extent.radius + margin;
  bool is_gnomonic = o.projection == "gnomonic" || (o.projection == "auto" && reach_deg <= widest_reach_deg);
  if (is_gnomonic && reach_deg > largest_reach_deg) {
    log_warning(
        fmt::format("--plot.projection gnomonic: pixels reach {:.1f} degrees from their middle (at most {:.0f} can be drawn so): "
                    "the whole sky is drawn",
                    reach_deg, largest_reach_deg));
    is_gnomonic = false;
  }
  const double across = is_gnomonic ? 2.0 * reach_deg : 360.0;
  int drawn = order;
  while (drawn > 0 && std::sqrt(pixel_area_deg2(drawn - 1)) <= 1.5 * across / cells_across) --drawn;
  const bool is_count = column == "n" || column.starts_with("count_");
  const Joined joined(table, column, is_count, order, drawn);
  SkyField field;
  field.at = [&](Position position) { return joined.at(position); };
  const auto info = std::ranges::find(statistics.columns(), column, [](const MapColumn& c) { return c.info.name; });
  const std::string unit = info == statistics.columns().end() ? "" : info->info.unit;
  field.label = is_count ? "rows per square degree" : column + (unit.empty() ? "" : " [" + unit + "]");
  field.remark = fmt::format("(HEALPix NSide {})", std::int64_t{1} << drawn);
  field.title = std::filesystem::path(o.catalogue).filename().string() + (o.where.empty() ? "" : ": " + o.where);
  field.is_log = o.plot_scale == "log" || (o.plot_scale == "auto" && is_count && joined.spans_decades());
  if (!is_count && !field.is_log) std::tie(field.low, field.high) = joined.usual_range();
  // The middle to 60 degrees, so that labels are round.
  draw_svg(is_gnomonic ? gnomonic_picture(field, extent.centre, extent.x + margin, extent.y + margin)
                       : mollweide_picture(field, std::fmod(std::round(extent.centre.ra / 60.0) * 60.0, 360.0)),
           path);
  return fmt::format("{}{}", is_gnomonic ? "gnomonic" : "Mollweide",
                     drawn < order ? fmt::format(", pixels joined to NSide {}", std::int64_t{1} << drawn) : "");
}

}  // namespace skyfold
