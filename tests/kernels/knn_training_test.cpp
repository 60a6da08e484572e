#include "knn_objects.hpp"

namespace skyfold {
namespace {

using namespace knn_test;

TEST(KnnTraining, WeighsNeighboursByTheirTrainingWeight) {
  const Objects training = make_objects(400, 3, 69), queries = make_objects(50, 3, 70);
  std::vector<double> weight(400);
  for (std::size_t i = 0; i < 400; ++i) weight[i] = i % 3 == 0 ? 0.0 : 1.0 + static_cast<double>(i % 5);
  const PhotozModel model = train_knn(training, plain, weight);
  EXPECT_EQ(model.tables.at("training").rows(), 266u);  // those of weight 0 are left out
  const Table out = estimate(model, queries);
  for (std::size_t i = 0; i < 50; ++i) {
    const Reference r = brute_force(model, features_of(model, queries.mag[i]), 7, 0.03, 0.5);
    ASSERT_NEAR(r.cumulative(out.at("z_phot").number(i)), 0.5, 1e-7);
  }
}

TEST(KnnTraining, ChoosesTheSameParametersForAnyThreads) {
  const Objects training = make_objects(1500, 4, 71);
  const PhotozModel one = train_knn(training, {}), again = train_knn(training, {}, {}, 3);
  EXPECT_EQ(one.parameters, again.parameters);
  for (const auto& [name, table] : one.tables)
    for (std::size_t c = 0; c < table.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(table[c].bytes(), again.tables.at(name)[c].bytes())) << name;
}

TEST(KnnTraining, ChoosesTheCellOfTheGridWithTheLeastLoss) {
  const PhotozModel model = train_knn(make_objects(1500, 4, 72), {});
  const Table& tuning = model.tables.at("tuning");
  const auto loss = tuning.at("cde_loss").values<double>();
  const auto best = static_cast<std::size_t>(std::min_element(loss.begin(), loss.end()) - loss.begin());
  double sigma = 0.0;  // the largest with the best number of neighbours that is as good to a thousandth
  for (std::size_t i = 0; i < loss.size(); ++i)
    if (tuning.at("neighbours").integer(i) == tuning.at("neighbours").integer(best) && loss[i] <= loss[best] + 0.001 * std::abs(loss[best]))
      sigma = std::max(sigma, tuning.at("sigma").number(i));
  EXPECT_EQ(model.parameters.at("knn.neighbours"), std::to_string(tuning.at("neighbours").integer(best)));
  EXPECT_EQ(std::stod(model.parameters.at("knn.sigma")), sigma);
  const PhotozModel given = train_knn(make_objects(1500, 4, 72), {"--knn.neighbours=9"});
  EXPECT_EQ(given.parameters.at("knn.neighbours"), "9");
  EXPECT_EQ(given.tables.at("tuning").rows(), 38u);
}

TEST(KnnTraining, JudgesTheGridByTheLossOfTheHeldOutQuarter) {
  // The loss of fixed parameters, by brute force: a quarter drawn by id, estimated from the rest.
  const Objects objects = make_objects(400, 3, 80);
  const PhotozModel model = train_knn(objects, {"--knn.metric=standard", "--knn.neighbours=5", "--knn.scatter=0.5"});
  Objects fit, judged;
  for (std::size_t i = 0; i < 400; ++i) {
    Objects& part = ObjectRandom(1, static_cast<std::uint64_t>(objects.id[i]), 0x6b6e6e02).uniform() < 0.25 ? judged : fit;
    part.mag.push_back(objects.mag[i]);
    part.err.push_back(objects.err[i]);
    part.z.push_back(objects.z[i]);
    part.id.push_back(objects.id[i]);
  }
  PhotozModel rest = train_knn(fit, {"--knn.metric=standard", "--knn.neighbours=5", "--knn.sigma=0.1"});
  // Features are standardised by the whole set.
  const auto feature = rest.tables.at("training").at("feature").values<double>();
  for (std::size_t i = 0; i < fit.z.size(); ++i) {
    const std::vector<double> x = features_of(model, fit.mag[i]);
    std::copy(x.begin(), x.end(), feature.begin() + static_cast<std::ptrdiff_t>(i * 3));
  }
  const Table& tuning = model.tables.at("tuning");
  for (const std::size_t cell : {20u, 27u, 33u}) {
    const double sigma = tuning.at("sigma").number(cell);
    double loss = 0.0;
    for (std::size_t i = 0; i < judged.z.size(); ++i) {
      const Reference r = brute_force(rest, features_of(model, judged.mag[i]), 5, sigma, 0.5);
      double squared = 0.0;
      for (double x = -3.0; x < 6.0; x += 0.1 * r.sigma) squared += r.density(x) * r.density(x) * 0.1 * r.sigma;
      loss += squared - 2.0 * r.density(judged.z[i]);
    }
    EXPECT_NEAR(tuning.at("cde_loss").number(cell), loss / static_cast<double>(judged.z.size()), 2e-3 * std::abs(loss) / 100.0);
  }
}

TEST(KnnTraining, RefusesToChooseWhereNothingIsHeldOutOrAllIs) {
  Objects training = make_objects(400, 3, 81);
  for (const std::int64_t id : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) {  // draws go by ids: some of these are held out, some not
    training.id.assign(400, id);
    EXPECT_THROW((void)train_knn(training, {}), DataError) << id;
  }
  EXPECT_NO_THROW((void)train_knn(training, {"--knn.neighbours=5", "--knn.sigma=0.1"}));
}

TEST(KnnTraining, LearnsWhichDirectionsMatter) {
  // Redshifts follow one colour; the rest is noise, which the Euclidean metric counts in full.
  Objects training = make_objects(3000, 4, 75), queries = make_objects(500, 4, 76);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->z.size(); ++i) objects->z[i] = 1.0 + 0.5 * (objects->mag[i][0] - objects->mag[i][1]);
  const auto worst = [&](const char* metric) {
    const Table out =
        estimate(train_knn(training, {std::string("--knn.metric=") + metric, "--knn.neighbours=7", "--knn.sigma=0.03"}), queries);
    std::vector<double> dz;
    for (std::size_t i = 0; i < 500; ++i) dz.push_back(std::abs(out.at("z_phot").number(i) - queries.z[i]));
    return quantile(dz, 0.9);
  };
  EXPECT_LT(worst("learned"), 0.3 * worst("standard"));
}

TEST(KnnTraining, RefusesTrainingSetsThatTeachNothing) {
  Objects holes = make_objects(100, 3, 77);
  holes.z[4] = nan;
  EXPECT_THROW(train_knn(make_objects(1, 3, 78), plain), DataError);
  EXPECT_THROW(train_knn(make_objects(30, 3, 78), {}), DataError);
  EXPECT_THROW(train_knn(holes, plain), DataError);
  EXPECT_THROW(train_knn(make_objects(100, 3, 78), plain, std::vector<double>(100, 0.0)), DataError);
}

}  // namespace
}  // namespace skyfold
