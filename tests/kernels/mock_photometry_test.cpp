#include "skyfold/kernels/mock/photometry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

MockOptions objects_of(long count) {
  MockOptions o;
  o.objects = count;
  o.seed = 4;
  return o;
}

struct Made {
  MockPhotometry mock;
  Table objects{MockPhotometry::object_schema()}, measurements;
  explicit Made(long count, const PhotometryMockOptions& o = {}) : mock(objects_of(count), o), measurements(mock.measurement_schema()) {
    mock.generate({0, mock.rows()}, objects, measurements, 2);
  }
};

TEST(MockPhotometry, MakesExactlyWhatIsAskedForInTheOrderOfTheSky) {
  PhotometryMockOptions o;
  o.measurements = 33'333;
  o.variables = 0.01;
  const Made made(3000, o);
  EXPECT_EQ(made.objects.rows(), 3000U);
  EXPECT_EQ(made.measurements.rows(), 33'333U);
  const auto key = made.objects.at("_healpix_29").values<std::int64_t>();
  EXPECT_TRUE(std::ranges::is_sorted(key));
  const auto id = made.objects.at("id").values<std::int64_t>();
  EXPECT_EQ(std::set<std::int64_t>(id.begin(), id.end()).size(), 3000U);
  for (std::size_t i = 0; i < 3000; ++i) EXPECT_EQ(key[i], healpix29({made.objects.at("ra").number(i), made.objects.at("dec").number(i)}));
}

TEST(MockPhotometry, MeasurementsStandByObjectFilterAndTimeAndNeverTwiceInOneImage) {
  PhotometryMockOptions o;
  o.variables = 0.02;
  const Made made(2000, o);
  const auto id = made.objects.at("id").values<std::int64_t>(), of = made.measurements.at("objid").values<std::int64_t>();
  const auto filter = made.measurements.at("filter").values<std::uint8_t>();
  const auto image = made.measurements.at("image").values<std::int32_t>();
  for (std::int64_t row = 0; row < 2000; ++row) {
    const auto begin = made.mock.first_measurement(row), end = made.mock.first_measurement(row + 1);
    const bool is_variable = made.objects.at("variable").integer(static_cast<std::size_t>(row)) > 0;
    if (is_variable) {
      EXPECT_EQ(end - begin, 2 * o.visits);
    }
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      EXPECT_EQ(of[i], id[static_cast<std::size_t>(row)]);
      if (i == static_cast<std::size_t>(begin)) continue;
      EXPECT_LE(filter[i - 1], filter[i]);
      EXPECT_LT(image[i - 1], image[i]);
      if (filter[i - 1] == filter[i]) {
        EXPECT_LT(made.measurements.at("mjd").number(i - 1), made.measurements.at("mjd").number(i));
      }
    }
  }
}

TEST(MockPhotometry, ImagesAreSortedAndTellBrickFilterAndVisit) {
  const Made made(500);
  const std::vector<std::string> images = made.mock.images();
  EXPECT_TRUE(std::ranges::is_sorted(images));
  EXPECT_EQ(std::set<std::string>(images.begin(), images.end()).size(), images.size());
  std::size_t row = 0;
  for (std::size_t i = 0; i < made.measurements.rows(); ++i) {
    while (made.mock.first_measurement(static_cast<std::int64_t>(row) + 1) <= static_cast<std::int64_t>(i)) ++row;
    const std::string& image = images[static_cast<std::size_t>(made.measurements.at("image").integer(i))];
    const auto brick = made.objects.at("brick").integer(row);
    EXPECT_EQ(std::stoll(image.substr(1, 2)), brick);
    EXPECT_EQ(image.substr(4, 5), photometry_filters[static_cast<std::size_t>(made.measurements.at("filter").integer(i))]);
  }
}

TEST(MockPhotometry, ObjectsAreTheSameWhicheverPartIsMade) {
  const Made whole(4000);
  Table objects(MockPhotometry::object_schema()), measurements(whole.mock.measurement_schema());
  whole.mock.generate({1234, 1300}, objects, measurements, 1);
  for (std::size_t c = 0; c < objects.columns(); ++c) {
    const std::size_t width = objects[c].info().bytes_per_row();
    EXPECT_TRUE(std::ranges::equal(objects[c].bytes(), whole.objects[c].bytes().subspan(1234 * width, 66 * width)));
  }
  const auto first = static_cast<std::size_t>(whole.mock.first_measurement(1234));
  for (std::size_t c = 0; c < measurements.columns(); ++c) {
    const std::size_t width = measurements[c].info().bytes_per_row();
    EXPECT_TRUE(
        std::ranges::equal(measurements[c].bytes(), whole.measurements[c].bytes().subspan(first * width, measurements.rows() * width)));
  }
}

TEST(MockPhotometry, VariableStarsFollowTheirPeriods) {
  PhotometryMockOptions o;
  o.variables = 0.05;
  const Made made(1000, o);
  int stars = 0;
  for (std::int64_t row = 0; row < 1000; ++row) {
    const auto i = static_cast<std::size_t>(row);
    if (made.objects.at("variable").integer(i) != 1) continue;
    ++stars;
    // Folded by the period, neighbours in phase have magnitudes that differ by little; in the order of time they do not.
    const double period = made.objects.at("period").number(i);
    std::vector<std::pair<double, double>> folded;
    double in_time = 0.0, in_phase = 0.0, last = std::numeric_limits<double>::quiet_NaN();
    for (auto m = made.mock.first_measurement(row); m < made.mock.first_measurement(row + 1); ++m) {
      const auto k = static_cast<std::size_t>(m);
      if (made.measurements.at("filter").integer(k) != 4) continue;
      const double mag = made.measurements.at("mag").number(k), cycles = made.measurements.at("mjd").number(k) / period;
      if (!std::isnan(last)) in_time += (mag - last) * (mag - last);
      last = mag;
      folded.emplace_back(cycles - std::floor(cycles), mag);
    }
    std::ranges::sort(folded);
    for (std::size_t k = 1; k < folded.size(); ++k) in_phase += std::pow(folded[k].second - folded[k - 1].second, 2);
    EXPECT_LT(in_phase, 0.3 * in_time) << period;
  }
  EXPECT_EQ(stars, 25);
}

TEST(MockPhotometry, PulsationsHaveTheirAmplitudeFromPeakToPeak) {
  double low = 1.0, high = -1.0, sum = 0.0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = pulsation(i / 100'000.0);
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
  }
  EXPECT_NEAR(high - low, 1.0, 1e-6);
  EXPECT_NEAR(sum / 100'000.0, 0.0, 1e-9);
}

TEST(MockPhotometry, RefusesNumbersThatCannotBe) {
  PhotometryMockOptions o;
  o.visits = 2;
  o.measurements = 100'000;
  EXPECT_TRUE(contains(error_of<UsageError>([&] { const MockPhotometry mock(objects_of(1000), o); }), "all visits of all objects are"));
  o.measurements = 10;
  o.variables = 0.5;
  EXPECT_TRUE(contains(error_of<UsageError>([&] { const MockPhotometry mock(objects_of(1000), o); }), "variable stars have 2000 alone"));
}

}  // namespace
}  // namespace skyfold
