// tpz against its definition: shares of the leaves counted by walking the trees of the model, sums of Gaussians, and the histogram of
// the published recipe.
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

#include "../sizes.hpp"
#include "photoz_objects.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;
using testing_support::sized;

const std::vector<std::string> few_trees = {"--tpz.trees=12", "--tpz.sigma=0.02", "--tpz.scatter=0.3"};
const std::vector<std::string> published = {"--tpz.split=variance", "--tpz.trees=12"};

/// Features of an object as the model's table of them tells; names are bands and differences of two.
std::vector<float> features_of(const PhotozModel& model, const std::vector<double>& mag) {
  const Table& layer = model.tables.at("features");
  std::vector<float> value;
  const auto band = [&](const std::string& name) { return mag[static_cast<std::size_t>(std::stoi(name.substr(1)))]; };
  for (std::size_t f = 0; f < layer.rows(); ++f) {
    const std::string name(layer.at("name").text(f));
    const std::size_t dash = name.find('-');
    const double raw = dash == std::string::npos ? band(name) : band(name.substr(0, dash)) - band(name.substr(dash + 1));
    value.push_back(static_cast<float>((raw - layer.at("mean").number(f)) * (1.0 / layer.at("deviation").number(f))));
  }
  return value;
}

/// Part of each training row in the leaves of an object.
/// @param leaves_are_equal  each tree counts the same; else each row in a leaf does
std::map<std::int64_t, double> shares_of(const PhotozModel& model, const std::vector<float>& value, bool leaves_are_equal) {
  const Table &trees = model.tables.at("trees"), &nodes = model.tables.at("nodes"), &rows = model.tables.at("leaf_rows");
  std::map<std::int64_t, double> shares;
  std::int64_t first = 0, first_row = 0;
  for (std::size_t t = 0; t < trees.rows(); ++t) {
    const std::int64_t end = trees.at("end_node").integer(t), end_row = trees.at("end_row").integer(t);
    std::int64_t at = 0;
    for (;;) {
      const auto k = static_cast<std::size_t>(first + at);
      const std::int64_t child = nodes.at("child").integer(k);
      if (child == at) break;
      at = child +
           (value[static_cast<std::size_t>(nodes.at("attribute").integer(k) / 2)] <= nodes.at("threshold").values<float>()[k] ? 0 : 1);
    }
    const auto leaf = static_cast<std::size_t>(first + at);
    const std::int64_t from = nodes.at("first_row").integer(leaf),
                       to = static_cast<std::int64_t>(leaf) + 1 < end ? nodes.at("first_row").integer(leaf + 1) : end_row - first_row;
    double sum = 0.0;
    const auto weight = [&](std::int64_t row) { return model.tables.at("training").at("weight").number(static_cast<std::size_t>(row)); };
    for (std::int64_t r = from; r < to; ++r) sum += weight(rows.at("row").integer(static_cast<std::size_t>(first_row + r)));
    for (std::int64_t r = from; r < to; ++r) {
      const std::int64_t row = rows.at("row").integer(static_cast<std::size_t>(first_row + r));
      shares[row] += weight(row) / (leaves_are_equal ? sum : 1.0);
    }
    first = end;
    first_row = end_row;
  }
  double all = 0.0;
  for (const auto& [row, part] : shares) all += part;
  for (auto& [row, part] : shares) part /= all;
  return shares;
}

/// The model with one of its trees alone.
PhotozModel one_tree(const PhotozModel& model, std::size_t tree) {
  PhotozModel one;
  one.tables["training"] = model.tables.at("training");
  const auto part = [&](const char* name, const char* ends, std::size_t& n) {
    const Table &from = model.tables.at(name), &trees = model.tables.at("trees");
    const auto begin = static_cast<std::size_t>(tree == 0 ? 0 : trees.at(ends).integer(tree - 1)),
               end = static_cast<std::size_t>(trees.at(ends).integer(tree));
    Table to(from.schema(), n = end - begin);
    for (std::size_t c = 0; c < to.columns(); ++c) {
      const std::size_t width = from[c].info().bytes_per_row();
      std::ranges::copy(from[c].bytes().subspan(begin * width, n * width), to[c].bytes().begin());
    }
    one.tables[name] = std::move(to);
  };
  std::size_t nodes = 0, rows = 0;
  part("nodes", "end_node", nodes);
  part("leaf_rows", "end_row", rows);
  Table trees(model.tables.at("trees").schema(), 1);
  trees.at("end_node").values<std::int64_t>()[0] = static_cast<std::int64_t>(nodes);
  trees.at("end_row").values<std::int64_t>()[0] = static_cast<std::int64_t>(rows);
  one.tables["trees"] = std::move(trees);
  return one;
}

TEST(Tpz, IsTheMixtureOfTheLeavesRedshifts) {
  const Objects training = make_objects(600, 4, 90), queries = make_objects(60, 4, 91);
  std::vector<double> weight(600);
  for (std::size_t i = 0; i < 600; ++i) weight[i] = 0.5 + static_cast<double>(i % 4);
  const PhotozModel model = train("tpz", training, few_trees, weight);
  const PdfOptions grid{"interp", -1.0, 3.0, 801};
  const Table out = estimate(model, queries, grid);
  const auto z = model.tables.at("training").at("z").values<double>();
  for (std::size_t i = 0; i < 60; ++i) {
    const auto shares = shares_of(model, features_of(model, queries.mag[i]), true);
    double reached = 0.0, low = -1.0, high = -1.0, mean = 0.0;
    for (const auto& [row, part] : shares) {
      reached += part;
      mean += part * z[static_cast<std::size_t>(row)];
      if (low < 0.0 && reached >= 0.25 - 1e-6) low = z[static_cast<std::size_t>(row)];
      if (high < 0.0 && reached >= 0.75 - 1e-6) high = z[static_cast<std::size_t>(row)];
    }
    const double s = std::sqrt(0.02 * 0.02 + std::pow(0.3 * (high - low) / 1.349, 2));
    double below = 0.0, near = 0.0;
    const double z_phot = out.at("z_phot").number(i);
    const auto under = [&](double x) {
      double sum = 0.0;
      for (const auto& [row, part] : shares)
        sum += part * 0.5 * std::erfc((z[static_cast<std::size_t>(row)] - x) / (s * std::numbers::sqrt2));
      return sum;
    };
    below = under(z_phot);
    near = under(z_phot + 0.02 * (1.0 + z_phot)) - under(z_phot - 0.02 * (1.0 + z_phot));
    // Redshifts within a quarter of the width are taken together: that moves the distribution by less than a thousandth.
    EXPECT_NEAR(below, 0.5, 2e-3) << i;
    EXPECT_NEAR(out.at("z_mean").number(i), mean, 1e-5);
    EXPECT_NEAR(out.at("z_conf").number(i), near, 2e-3);
    for (std::size_t j = 200; j < 600; j += 40) {
      double density = 0.0;
      const double x = -1.0 + 0.005 * static_cast<double>(j);
      for (const auto& [row, part] : shares)
        density +=
            part * std::exp(-0.5 * std::pow((x - z[static_cast<std::size_t>(row)]) / s, 2)) / (s * std::sqrt(2.0 * std::numbers::pi));
      EXPECT_NEAR(out.at("pdf").number(i, j), density, 5e-3 * (1.0 + density)) << i << " at " << x;
    }
  }
}

TEST(Tpz, MakesTheHistogramOfThePublishedRecipe) {
  const Objects training = make_objects(500, 4, 92), queries = make_objects(40, 4, 93);
  const PhotozModel model = train("tpz", training, published);
  EXPECT_EQ(model.parameters.at("tpz.copies"), "4");
  EXPECT_EQ(model.parameters.at("tpz.attributes"), "3");
  const auto z = model.tables.at("training").at("z").values<double>();
  const double z_min = z.front(), width = (z.back() - z.front()) / 200.0;
  const PdfOptions grid{"interp", z_min, z.back(), 201};
  const Table out = estimate(model, queries, grid);
  for (std::size_t i = 0; i < 40; ++i) {
    std::vector<double> count(200, 0.0), smooth(200, 0.0);
    for (const auto& [row, part] : shares_of(model, features_of(model, queries.mag[i]), false))
      count[std::min<std::size_t>(static_cast<std::size_t>((z[static_cast<std::size_t>(row)] - z_min) / width), 199)] += part;
    const double peak = *std::max_element(count.begin(), count.end());
    for (int b = 0; b < 200; ++b)
      for (int c = std::max(0, b - 9); c <= std::min(199, b + 9); ++c)
        if (count[static_cast<std::size_t>(c)] >= 0.2 * peak - 1e-7)
          smooth[static_cast<std::size_t>(b)] += count[static_cast<std::size_t>(c)] * std::exp(-0.5 * (b - c) * (b - c) / 9.0);
    const double top = *std::max_element(smooth.begin(), smooth.end());
    double sum = 0.0, mean = 0.0;
    for (double& value : smooth) {
      value = value < 0.005 * top ? 0.0 : value;
      sum += value;
    }
    for (std::size_t b = 0; b < 200; ++b) mean += smooth[b] / sum * (z_min + (static_cast<double>(b) + 0.5) * width);
    const auto mode = static_cast<double>(std::max_element(smooth.begin(), smooth.end()) - smooth.begin());
    EXPECT_NEAR(out.at("z_phot").number(i), mean, 1e-5);
    EXPECT_NEAR(out.at("z_mode").number(i), z_min + (mode + 0.5) * width, 1e-5);
    // Points of the grid are the edges of bins: each has the mean of the bins beside it.
    for (std::size_t b = 1; b < 200; ++b)
      EXPECT_NEAR(out.at("pdf").number(i, b), 0.5 * (smooth[b - 1] + smooth[b]) / (sum * width), 2e-4 * (1.0 + out.at("pdf").number(i, b)));
  }
}

TEST(Tpz, ModelsAndEstimatesAreTheSameForAnyThreadsBlocksAndOrderOfTheSample) {
  Objects training = make_objects(400, 4, 94);
  const Objects queries = make_objects(150, 4, 95);
  Objects reversed;
  for (std::size_t i = 400; i-- > 0;) {
    reversed.mag.push_back(training.mag[i]);
    reversed.err.push_back(training.err[i]);
    reversed.z.push_back(training.z[i]);
    reversed.id.push_back(training.id[i]);
  }
  for (const char* split : {"density", "variance", "gini", "entropy"}) {
    const std::vector<std::string> arguments = {std::string("--tpz.split=") + split, "--tpz.trees=8"};
    const PhotozModel model = train("tpz", training, arguments), threads = train("tpz", training, arguments, {}, 3),
                      other = train("tpz", reversed, arguments);
    EXPECT_EQ(model.parameters, threads.parameters);
    for (const auto& [name, table] : model.tables)
      for (std::size_t c = 0; c < table.columns(); ++c) {
        EXPECT_TRUE(std::ranges::equal(table[c].bytes(), threads.tables.at(name)[c].bytes())) << split << " " << name;
        // Means of the features are sums in the order of the sample.
        if (name == "nodes" && c != 0) {
          EXPECT_TRUE(std::ranges::equal(table[c].bytes(), other.tables.at(name)[c].bytes())) << split;
        }
      }
    expect_same_for_any_layout(model, queries, {"interp", 0.0, 2.0, 50}, 37);
  }
}

TEST(Tpz, FindsRedshiftsThatFollowFromColours) {
  const std::size_t n = sized<std::size_t>(500, 250);
  Objects training = make_objects(6 * n, 4, 96), queries = make_objects(n, 4, 97);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->z.size(); ++i) objects->z[i] = 1.0 + 0.5 * std::tanh(objects->mag[i][0] - objects->mag[i][1]);
  for (const char* split : {"density", "variance", "gini", "entropy"}) {
    const Table out =
        estimate(train("tpz", training, {std::string("--tpz.split=") + split, sized("--tpz.trees=30", "--tpz.trees=10")}), queries);
    std::vector<double> dz;
    for (std::size_t i = 0; i < n; ++i) dz.push_back(std::abs(out.at("z_phot").number(i) - queries.z[i]));
    EXPECT_LT(quantile(dz, 0.68), sized(0.04, 0.08)) << split;
  }
}

TEST(Tpz, MeasuresWhatFeaturesAreWorth) {
  Objects training = make_objects(1500, 4, 104);
  for (std::size_t i = 0; i < 1500; ++i) training.z[i] = 1.0 + 0.5 * std::tanh(training.mag[i][0] - training.mag[i][1]);
  for (const char* split : {"density", "variance"}) {
    const PhotozModel model =
        train("tpz", training, {std::string("--tpz.split=") + split, "--tpz.trees=20", "--tpz.features=magnitudes,colours"});
    const Table& table = model.tables.at("importance");
    ASSERT_EQ(table.rows(), 7u);
    double most = 0.0;
    std::string best;
    for (std::size_t f = 0; f < 7; ++f) {
      const double worth = table.at("permuted_error").number(f) - table.at("error").number(f);
      EXPECT_GT(worth, -0.01);
      if (worth > most) most = worth, best = table.at("feature").text(f);
    }
    EXPECT_EQ(best, "b0-b1") << split;
    EXPECT_GT(most, 2.0 * table.at("error").number(0)) << split;
  }
}

TEST(Tpz, EstimatesTrainingObjectsByTreesThatHaveNotSeenThem) {
  const Objects training = make_objects(300, 4, 105);
  const PhotozModel model =
      train("tpz", training, {"--tpz.growth=bootstrap", "--tpz.trees=20", "--tpz.sigma=0.05", "--tpz.scatter=0", "--tpz.point=mean"});
  const Table& known = model.tables.at("training");
  std::map<std::int64_t, std::size_t> place;
  for (std::size_t i = 0; i < 300; ++i) place[training.id[i]] = i;
  // Trees one by one: those whose leaves hold the object have seen it.
  std::size_t estimated = 0;
  for (std::size_t row = 0; row < 300; row += 7) {
    const std::vector<float> value = features_of(model, training.mag[place.at(known.at("id").integer(row))]);
    double sum = 0.0, trees = 0.0;
    for (std::size_t t = 0; t < 20; ++t) {
      const auto rows = model.tables.at("leaf_rows").at("row").values<std::int32_t>();
      const std::int64_t begin = t == 0 ? 0 : model.tables.at("trees").at("end_row").integer(t - 1),
                         end = model.tables.at("trees").at("end_row").integer(t);
      if (std::find(rows.begin() + begin, rows.begin() + end, static_cast<std::int32_t>(row)) != rows.begin() + end) continue;
      for (const auto& [other, part] : shares_of(one_tree(model, t), value, true)) {
        EXPECT_NE(other, static_cast<std::int64_t>(row));
        sum += part * known.at("z").number(static_cast<std::size_t>(other));
      }
      trees += 1.0;
    }
    if (trees == 0.0) {
      EXPECT_TRUE(std::isnan(model.tables.at("out_of_bag").at("z_phot").number(row)));
      continue;
    }
    EXPECT_NEAR(model.tables.at("out_of_bag").at("z_phot").number(row), sum / trees, 1e-5);
    ++estimated;
  }
  EXPECT_GT(estimated, 35u);
}

TEST(Tpz, FlagsMissingBandsAndGivesNothingWithoutAny) {
  Objects training = make_objects(500, 4, 98), queries = make_objects(4, 4, 99);
  dnf_test::drop_bands(training, 5);
  queries.mag[0][1] = not_observed;
  queries.mag[1][2] = not_detected;
  queries.mag[2] = std::vector<double>(4, not_observed);
  const Table out = estimate(train("tpz", training, few_trees), queries, {"mixmod", 0.0, 2.0, 10});
  const auto flags = out.at("flags").values<std::int32_t>();
  EXPECT_EQ(flags[0] & ~photoz_extrapolated, photoz_missing_band);
  EXPECT_EQ(out.at("n_bands").integer(0), 3);
  EXPECT_EQ(flags[1] & photoz_missing_band, 0);
  EXPECT_EQ(flags[2], photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(2)));
  for (const std::size_t i : {0u, 1u, 3u}) {
    EXPECT_TRUE(std::isfinite(out.at("z_phot").number(i)));
    double sum = 0.0;
    for (std::size_t k = 0; k < 64; ++k) sum += out.at("pdf_weights").number(i, k);
    EXPECT_NEAR(sum, 1.0, 1e-5);
  }
}

TEST(Tpz, RefusesSetsThatTeachNothing) {
  Objects same = make_objects(100, 3, 100), holes = same;
  std::fill(same.z.begin(), same.z.end(), 0.5);
  holes.z[4] = nan;
  EXPECT_EQ(training_error("tpz", same), "all training objects have the redshift 0.5 (there is nothing to learn)");
  EXPECT_NE(training_error("tpz", holes), "");
  EXPECT_EQ(training_error("tpz", make_objects(19, 3, 101)),
            "the training set has 19 objects with a band and weight (tpz needs at least 20)");
  EXPECT_NE(training_error("tpz", make_objects(100, 3, 101), {}, std::vector<double>(100, 0.0)), "");
  EXPECT_THROW((void)train("tpz", make_objects(100, 3, 102), {"--tpz.trees=3", "--tpz.copies=4"}), UsageError);
  Objects constant = make_objects(100, 3, 103);  // features that tell nothing: everybody gets the redshifts of all
  for (auto& mag : constant.mag) std::fill(mag.begin(), mag.end(), 22.0);
  const Table out = estimate(train("tpz", constant, few_trees), constant);
  EXPECT_NEAR(out.at("z_phot").number(0), median(constant.z), 0.05);
}

}  // namespace
}  // namespace skyfold
