// Classification networks with sliding bins against the definition; what they learn, and that layouts cannot be seen in them.
#include <numbers>
#include <numeric>

#include "../sizes.hpp"
#include "colour_objects.hpp"
#include "photoz/skynet/classifier.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;
using network::chunk;

const std::vector<std::string> quick = {"--skynet.hidden=12", "--skynet.bins=12", "--skynet.nets=3", "--skynet.epochs=15",
                                        "--skynet.rate=0.02"};

TEST(Skynet, BinsSlideByOneFineBinFromNetToNet) {
  const skynet::SlidingBins bins({0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 9.0, 10.0}, 3);
  ASSERT_EQ(bins.fine(), 8u);
  for (std::size_t net = 0; net < 3; ++net) {
    std::vector<double> sum(bins.classes(), 0.0);
    for (std::size_t b = 0; b < bins.fine(); ++b) {
      ASSERT_LT(bins.class_of(b, net), bins.classes());
      EXPECT_EQ(b > 0 && bins.class_of(b, net) != bins.class_of(b - 1, net), b > 0 && (b + net) % 3 == 0);
      sum[bins.class_of(b, net)] += bins.share_of(b, net);
    }
    for (std::size_t b = 0; b < bins.fine(); ++b) EXPECT_NEAR(sum[bins.class_of(b, net)], 1.0, 1e-12);
  }
  EXPECT_NEAR(bins.share_of(4, 0), 2.0 / 5.0, 1e-12);  // of 3-4, 4-6, 6-8
  for (const auto& [z, bin] : {std::pair{-1.0, 0u}, {0.0, 0u}, {1.0, 1u}, {5.9, 4u}, {6.0, 5u}, {10.0, 7u}, {99.0, 7u}})
    EXPECT_EQ(bins.bin_of(z), bin);
}

TEST(Skynet, EvenEdgesHoldAsManyObjectsEach) {
  std::vector<double> z;
  for (std::size_t i = 0; i < 1000; ++i) z.push_back(std::pow(static_cast<double>(i) / 999.0, 3));
  const std::vector<double> edges = skynet::even_edges(z, 10);
  ASSERT_EQ(edges.size(), 11u);
  for (std::size_t b = 0; b < 10; ++b)
    EXPECT_NEAR(static_cast<double>(std::ranges::count_if(z, [&](double x) { return x >= edges[b] && x < edges[b + 1]; })), 100.0, 1.0);
  EXPECT_EQ(skynet::even_edges({1.0, 1.0, 1.0, 2.0}, 4).size(), 3u);
  EXPECT_THROW((void)skynet::even_edges({1.0, 1.0}, 4), DataError);
}

TEST(Skynet, LossAndGradientEqualTheDefinition) {
  constexpr std::size_t n = 7;
  const Objects objects = make_colours(20, 1);
  network::Inputs inputs({}, {"b0", "b1", "b2"});
  const Photometry none;
  std::vector<std::uint32_t> label(20), rows(20);
  std::vector<double> weight(20), output(n * chunk), gradient(n * chunk, 0.0), other(n * chunk);
  std::iota(rows.begin(), rows.end(), 0u);
  ObjectRandom random(4, 4);
  for (std::size_t i = 0; i < 20; ++i) label[i] = static_cast<std::uint32_t>(i % n), weight[i] = random.uniform();
  for (double& x : output) x = 3.0 * random.normal();
  skynet::ClassExamples examples(network::VariedInputs(inputs, none, {}, {}, 1, 1), n, label, weight);
  const auto definition = [&] {
    double loss = 0.0;
    for (std::size_t i = 0; i < 20; ++i) {
      double sum = 0.0;
      for (std::size_t k = 0; k < n; ++k) sum += std::exp(output[k * chunk + i]);
      loss -= weight[i] * (output[label[i] * chunk + i] - std::log(sum));
    }
    return loss;
  };
  EXPECT_NEAR(examples.loss(rows, output, gradient), definition(), 1e-12);
  for (std::size_t i = 0; i < chunk; ++i)
    for (std::size_t k = 0; k < n; ++k) {
      double& x = output[k * chunk + i];
      const double kept = x, h = 1e-5;
      x = kept + h;
      const double above = definition();
      x = kept - h;
      const double below = definition();
      x = kept;
      ASSERT_NEAR(gradient[k * chunk + i], (above - below) / (2.0 * h), 1e-8);
    }
}

TEST(Skynet, LearnsTheRedshiftAndItsScatter) {
  const Objects training = make_colours(testing_support::sized<std::size_t>(3000, 2200), 2), queries = make_colours(1000, 3);
  const Table out =
      estimate(train("skynet", training, {"--skynet.bins=30", "--skynet.nets=2", "--skynet.epochs=60", "--skynet.noise=0"}), queries);
  std::vector<double> bright, faint, off;
  for (std::size_t i = 0; i < 1000; ++i) {
    if (queries.mag[i][1] < 22.0) bright.push_back(out.at("z_err").number(i));
    if (queries.mag[i][1] > 23.0) faint.push_back(out.at("z_err").number(i));
    off.push_back((out.at("z_phot").number(i) - queries.z[i]) / (queries.mag[i][1] < 22.5 ? 0.02 : 0.1));
  }
  EXPECT_NEAR(median(faint), 0.1, 0.03);
  EXPECT_LT(median(bright), 0.05);
  EXPECT_LT(nmad(off), 1.6);  // 1: nothing more can be known
}

TEST(Skynet, ModelsAndEstimatesAreTheSameForAnyThreadsAndBlocks) {
  const Objects training = make_colours(400, 6);
  Objects queries = make_colours(150, 7);
  queries.mag[7] = {not_observed, not_observed, not_observed};
  queries.mag[9][0] = not_observed;
  const PhotozModel model = train("skynet", training, quick), again = train("skynet", training, quick, {}, 3);
  EXPECT_TRUE(std::ranges::equal(model.tables.at("nets").at("weights").bytes(), again.tables.at("nets").at("weights").bytes()));
  expect_same_for_any_layout(model, queries, {.kind = "interp", .bins = 50}, 37);
  const Table out = estimate(model, queries);
  EXPECT_EQ(out.at("flags").integer(7), photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isfinite(out.at("z_phot").number(9)));
}

TEST(Skynet, RefusesWhatTeachesNothingAndDamagedModels) {
  EXPECT_THROW(train("skynet", make_colours(99, 10), quick), DataError);
  EXPECT_THROW(train("skynet", make_colours(150, 10), {"--skynet.bins=80"}), DataError);
  Objects training = make_colours(120, 11);
  EXPECT_THROW(train("skynet", training, quick, std::vector<double>(120, 0.0)), DataError);
  EXPECT_THROW(train("skynet", training, {"--skynet.hidden=3.5"}), UsageError);
  PhotozModel model = train("skynet", training, quick);
  model.parameters["skynet.hidden"] = "13";
  EXPECT_THROW(estimate(model, training), DataError);
  for (double& z : training.z) z = 0.5;
  EXPECT_THROW(train("skynet", training, quick), DataError);
}

}  // namespace
}  // namespace skyfold
