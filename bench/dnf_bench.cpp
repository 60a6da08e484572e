// Objects per second on one core: the DNF kernel beside a plain program of the same definition (distances to all
// training objects, nth_element twice, normal equations), in turns in one run. Both see the same made-up survey
// of six bands, of the size of the DC2 sample and of a large training set.

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <functional>
#include <numeric>
#include <vector>

#include "skyfold/core/log.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"

namespace {

using namespace skyfold;

constexpr std::size_t n_bands = 6, n_neighbours = 80, n_preselect = 4000;
constexpr int rounds = 5;
using Magnitudes = std::array<double, n_bands>;

struct Survey {
  std::vector<Magnitudes> mag, err;
  std::vector<double> z;
};

/// Galaxies that get more numerous to a limit of 25.3 in the fourth band, with colours from redshift and type.
Survey make_survey(std::size_t n, std::uint64_t seed) {
  Survey survey;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    const double reference = 25.3 + std::log(1.0 - random.uniform()) / 0.7;
    const double z = 0.25 * (reference - 21.0) * (0.3 - 0.5 * std::log(1.0 - random.uniform()));
    const double type = random.normal();
    Magnitudes mag{}, err{};
    for (std::size_t b = 0; b < n_bands; ++b) {
      const double x = static_cast<double>(b) - 3.0;
      const double colour = -0.35 * x + 0.4 * std::sin(2.0 * z - 0.7 * x) + 0.15 * type * x;
      err[b] = 0.005 + 0.03 * std::pow(10.0, 0.3 * (reference + colour - 24.5));
      mag[b] = static_cast<float>(reference + colour + std::min(err[b], 1.0) * random.normal());
    }
    survey.mag.push_back(mag);
    survey.err.push_back(err);
    survey.z.push_back(std::max(z, 0.01));
  }
  return survey;
}

BandColumns band_columns() {
  BandColumns columns;
  for (const char band : std::string("ugrizy")) {
    columns.magnitude.push_back(fmt::format("mag_{}", band));
    columns.error.push_back(fmt::format("mag_err_{}", band));
  }
  return columns;
}

Table table_of(const Survey& survey) {
  const BandColumns columns = band_columns();
  Table table({}, survey.mag.size());
  for (std::size_t b = 0; b < n_bands; ++b) {
    const auto mag = table.add({columns.magnitude[b], Type::f4}).values<float>();
    for (std::size_t i = 0; i < mag.size(); ++i) mag[i] = static_cast<float>(survey.mag[i][b]);
    const auto err = table.add({columns.error[b], Type::f4}).values<float>();
    for (std::size_t i = 0; i < err.size(); ++i) err[i] = static_cast<float>(survey.err[i][b]);
  }
  return table;
}

PhotozModel train(const Survey& survey) {
  PhotozModel model;
  model.bands.bands = {"u", "g", "r", "i", "z", "y"};
  model.bands.limits.assign(n_bands, 28.0);
  model.z_max = 10.0;
  TrainingSet set{.id = std::vector<std::int64_t>(survey.z.size()), .z = survey.z, .photometry = {}};
  std::iota(set.id.begin(), set.id.end(), 0);
  gather_photometry(table_of(survey), band_columns(), model.bands, model.bands.limits, set.photometry);
  LocalTasks here(1);
  make_photoz_algorithm("dnf")->train(set, here, model);
  return model;
}

/// The plain program.
class BruteForce {
 public:
  explicit BruteForce(const Survey& training)
      : training_(training), order_(training.z.size()), euclid2_(order_.size()), sine2_(order_.size()), unit_(order_.size()) {
    for (std::size_t i = 0; i < unit_.size(); ++i) unit_[i] = unit(training.mag[i]);
  }

  double z_phot(const Magnitudes& query) {
    const Magnitudes direction = unit(query);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      double euclid2 = 0.0, chord2 = 0.0;
      for (std::size_t b = 0; b < n_bands; ++b) {
        const double d = query[b] - training_.mag[i][b], c = direction[b] - unit_[i][b];
        euclid2 += d * d;
        chord2 += c * c;
      }
      order_[i] = i;
      euclid2_[i] = euclid2;
      sine2_[i] = chord2 * (1.0 - 0.25 * chord2);
    }
    select(euclid2_, order_.size(), n_preselect);
    select(sine2_, std::min(n_preselect, order_.size()), n_neighbours);
    return fit(query);
  }

 private:
  static Magnitudes unit(Magnitudes m) {
    double sum = 0.0;
    for (const double x : m) sum += x * x;
    for (double& x : m) x /= std::sqrt(sum);
    return m;
  }
  void select(const std::vector<double>& value, std::size_t n, std::size_t wanted) {
    if (wanted >= n) return;
    std::nth_element(order_.begin(), order_.begin() + wanted, order_.begin() + n,
                     [&](std::size_t a, std::size_t b) { return value[a] != value[b] ? value[a] < value[b] : a < b; });
  }
  double fit(const Magnitudes& query) {
    std::vector<std::size_t> rows(order_.begin(), order_.begin() + n_neighbours);
    std::array<double, n_bands + 1> c{};
    for (int pass = 0; pass < 4 && rows.size() > n_bands + 1; ++pass) {
      c = least_squares(query, rows);
      std::vector<double> residual;
      double sum = 0.0;
      for (const std::size_t row : rows) {
        double r = training_.z[row] - c[n_bands];
        for (std::size_t b = 0; b < n_bands; ++b) r -= c[b] * (training_.mag[row][b] - query[b]);
        residual.push_back(std::abs(r));
        sum += std::abs(r);
      }
      std::vector<std::size_t> kept;
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (residual[i] < 3.0 * sum / static_cast<double>(rows.size())) kept.push_back(rows[i]);
      if (kept.size() == rows.size()) break;
      rows = kept;
    }
    return c[n_bands];
  }
  std::array<double, n_bands + 1> least_squares(const Magnitudes& query, const std::vector<std::size_t>& rows) const {
    double a[n_bands + 1][n_bands + 2] = {};
    for (const std::size_t row : rows) {
      std::array<double, n_bands + 2> x;
      for (std::size_t b = 0; b < n_bands; ++b) x[b] = training_.mag[row][b] - query[b];
      x[n_bands] = 1.0;
      x[n_bands + 1] = training_.z[row];
      for (std::size_t j = 0; j <= n_bands; ++j)
        for (std::size_t k = 0; k <= n_bands + 1; ++k) a[j][k] += x[j] * x[k];
    }
    std::array<double, n_bands + 1> c;
    for (std::size_t i = 0; i <= n_bands; ++i)
      for (std::size_t j = i + 1; j <= n_bands; ++j)
        for (std::size_t k = n_bands + 2; k-- > i;) a[j][k] -= a[j][i] / a[i][i] * a[i][k];
    for (std::size_t i = n_bands + 1; i-- > 0;) {
      c[i] = a[i][n_bands + 1];
      for (std::size_t k = i + 1; k <= n_bands; ++k) c[i] -= a[i][k] * c[k];
      c[i] /= a[i][i];
    }
    return c;
  }

  const Survey& training_;
  std::vector<std::size_t> order_;
  std::vector<double> euclid2_, sine2_;
  std::vector<Magnitudes> unit_;
};

/// Objects per second of processor time, so that other programs on the machine matter little.
double rate(std::size_t objects, const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(objects) * CLOCKS_PER_SEC / static_cast<double>(std::clock() - start);
}

void measure(std::size_t n_training, std::size_t n_brute) {
  const Survey training = make_survey(n_training, 1), queries = make_survey(20000, 2);
  const Table in = table_of(queries);
  const double start = now_s();
  const PhotozModel model = train(training);
  const double train_s = now_s() - start;
  const auto algorithm = make_photoz_algorithm("dnf");
  const auto plain = algorithm->estimator(model, band_columns(), {});
  const auto with_pdf = algorithm->estimator(model, band_columns(), {.kind = "interp"});
  Table out(plain->gives(), in.rows()), out_pdf(with_pdf->gives(), in.rows());
  BruteForce brute(training);
  std::vector<double> brute_z(n_brute), rates[3];
  plain->run(in, out, 1);  // builds the index
  with_pdf->run(in, out_pdf, 1);
  for (int round = 0; round < rounds; ++round) {
    rates[0].push_back(rate(in.rows(), [&] { plain->run(in, out, 1); }));
    rates[1].push_back(rate(in.rows(), [&] { with_pdf->run(in, out_pdf, 1); }));
    rates[2].push_back(rate(n_brute, [&] {
      for (std::size_t i = 0; i < n_brute; ++i) brute_z[i] = brute.z_phot(queries.mag[i]);
    }));
  }
  double worst = 0.0;
  for (std::size_t i = 0; i < n_brute; ++i) worst = std::max(worst, std::abs(brute_z[i] - out.at("z_phot").values<double>()[i]));
  fmt::print("{:>9} {:>9.2f} {:>12.0f} {:>12.0f} {:>12.0f} {:>8.1f} {:>14.1e}\n", n_training, train_s, median(rates[0]), median(rates[1]),
             median(rates[2]), median(rates[0]) / median(rates[2]), worst);
}

}  // namespace

int main() {
  fmt::print(
      "DNF, 6 bands, {} neighbours, preselection {}, angular metric; objects per core-second, median of {}\n\n"
      "{:>9} {:>9} {:>12} {:>12} {:>12} {:>8} {:>14}\n",
      n_neighbours, n_preselect, rounds, "training", "train [s]", "no PDF", "100-pt PDF", "plain", "ratio", "largest |dz|");
  measure(10225, 400);
  measure(170000, 40);
}
