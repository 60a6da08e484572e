#include <gtest/gtest.h>

#include <cstring>

#include "../sizes.hpp"
#include "dnf_objects.hpp"
#include "skyfold/kernels/photoz/flags.hpp"

namespace skyfold {
namespace {

using namespace dnf_test;
using testing_support::sized;

const char* const metrics[] = {"enf", "anf", "dnf"};

TEST(Dnf, AgreesWithTheDefinitionForAnyNumberOfBands) {
  for (const std::size_t bands : {1, 2, 3, 4, 5, 6, 7, 13}) {
    const Objects training = make_objects(1000, bands, 1), queries = make_objects(sized<std::size_t>(20, 5), bands, 2);
    for (const char* metric : metrics)
      for (const std::size_t preselect : {0, 50, 400, 4000})
        expect_definition(training, queries, {.metric = metric, .neighbours = 40, .preselect = preselect});
  }
}

TEST(Dnf, AgreesWithTheDefinitionForAThickTrainingSet) {
  const Objects training = make_objects(sized<std::size_t>(9000, 4500), 6, 3), queries = make_objects(sized<std::size_t>(60, 8), 6, 4);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 80, 4000}) expect_definition(training, queries, {.metric = metric, .preselect = preselect});
}

TEST(Dnf, BreaksTiesByTheOrderOfTrainingRows) {
  Objects training = make_objects(2000, 4, 5), queries = make_objects(sized<std::size_t>(30, 5), 4, 6);
  round_magnitudes(training, 0.5);
  round_magnitudes(queries, 0.5);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 5, 50, 700}) {
      expect_definition(training, queries, {.metric = metric, .neighbours = 5, .preselect = preselect});
      expect_definition(training, queries, {.metric = metric, .neighbours = 150, .preselect = preselect});
    }
}

TEST(Dnf, CountsEachDuplicateOfATrainingRow) {
  Objects training = make_objects(50, 3, 7);
  for (std::size_t i = 0; i < 1000; ++i) {
    training.mag.push_back(training.mag[i % 7]);
    training.err.push_back(training.err[i % 7]);
    training.z.push_back(0.001 * static_cast<double>(i));
    training.id.push_back(static_cast<std::int64_t>(5000 + i));
  }
  const Objects queries = make_objects(50, 3, 7);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 50})
      expect_definition(training, queries, {.metric = metric, .neighbours = 3, .preselect = preselect});
}

TEST(Dnf, DropsBandsThatWereNotObserved) {
  Objects training = make_objects(1000, 5, 8), queries = make_objects(60, 5, 9);
  drop_bands(training, 10);
  drop_bands(queries, 11);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 200})
      expect_definition(training, queries, {.metric = metric, .neighbours = 60, .preselect = preselect});
}

TEST(Dnf, LeavesAnObjectOutOfItsOwnNeighbours) {
  Objects training = make_objects(800, 4, 12);
  training.mag[5] = training.mag[6];  // an equal object with another id stays
  training.mag[7] = training.mag[8];  // one object twice leaves twice
  training.id[7] = training.id[8];
  Objects queries = training;
  queries.mag.resize(40), queries.err.resize(40), queries.z.resize(40), queries.id.resize(40);
  queries.mag[9][0] += 1e-9;  // the same id elsewhere is another measurement
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 50, 798, 799, 800}) {
      expect_definition(training, queries, {.metric = metric, .neighbours = 30, .preselect = preselect}, true);
      expect_definition(training, queries, {.metric = metric, .neighbours = 1, .preselect = preselect}, true);
    }
}

TEST(Dnf, AgreesWithTheDefinitionForMagnitudesOfAnySign) {
  Objects training = make_objects(1200, 4, 13), queries = make_objects(60, 4, 14);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->mag.size(); ++i) {
      ObjectRandom random(15, i);
      for (double& m : objects->mag[i]) m = random.normal();
    }
  queries.mag[0].assign(4, 0.0);  // has no direction
  training.mag[3].assign(4, 0.0);
  for (const char* metric : metrics)
    for (const std::size_t preselect : {0, 100})
      expect_definition(training, queries, {.metric = metric, .neighbours = 30, .preselect = preselect});
}

TEST(Dnf, TakesTheMeanOfFewerNeighboursThanCoefficients) {
  for (const std::size_t n : {2, 3, 5, 6, 30}) {
    const Objects training = make_objects(n, 4, 16), queries = make_objects(20, 4, 17);
    for (const char* metric : metrics) expect_definition(training, queries, {.metric = metric});
    const Table out = estimate(training, queries, {});
    EXPECT_EQ((out.at("flags").values<std::int32_t>()[0] & photoz_few_neighbours) != 0, n <= 5) << n;
  }
  expect_definition(make_objects(100, 4, 16), make_objects(20, 4, 17), {.neighbours = 1});
}

TEST(Dnf, WeighsByInverseDistanceWithoutFit) {
  const Objects training = make_objects(2000, 4, 18);
  Objects queries = make_objects(50, 4, 19);
  queries.mag[3] = training.mag[3];  // at distance zero
  for (const char* metric : metrics) expect_definition(training, queries, {.metric = metric, .fit = false});
}

TEST(Dnf, GivesTheSameBitsForAnyThreadsBlocksAndOrder) {
  Objects training = make_objects(2000, 4, 20), queries = make_objects(700, 4, 21);
  drop_bands(training, 22);
  drop_bands(queries, 23);
  const auto kernel = kernel_of(train(training, {"--dnf.preselect=300"}), {.kind = "interp"});
  const Table whole = run(*kernel, queries), threaded = run(*kernel, queries, 3);
  const auto expect_row = [&](const Table& part, std::size_t row, std::size_t original) {
    for (std::size_t c = 0; c < whole.columns(); ++c) {
      const std::size_t bytes = whole[c].info().bytes_per_row();
      ASSERT_EQ(0, std::memcmp(part[c].bytes().data() + row * bytes, whole[c].bytes().data() + original * bytes, bytes))
          << whole[c].info().name << " of object " << original;
    }
  };
  for (std::size_t i = 0; i < whole.rows(); ++i) expect_row(threaded, i, i);
  const auto fresh = kernel_of(train(training, {"--dnf.preselect=300"}), {.kind = "interp"});
  for (std::size_t end = queries.mag.size(); end > 0; end -= std::min<std::size_t>(end, 7)) {
    Objects part;
    for (std::size_t i = end; i > end - std::min<std::size_t>(end, 7); --i) {
      part.mag.push_back(queries.mag[i - 1]);
      part.err.push_back(queries.err[i - 1]);
      part.id.push_back(queries.id[i - 1]);
    }
    const Table out = run(*fresh, part);
    for (std::size_t i = 0; i < part.mag.size(); ++i) expect_row(out, i, end - 1 - i);
  }
}

TEST(Dnf, EstimatesAPlaneExactly) {
  Objects training = make_objects(500, 3, 24);
  for (std::size_t i = 0; i < 500; ++i) training.z[i] = 1.0 + 0.1 * training.mag[i][0] - 0.2 * training.mag[i][2];
  const Objects queries = make_objects(20, 3, 25);
  const Table out = estimate(training, queries, {});
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_NEAR(out.at("z_phot").values<double>()[i], 1.0 + 0.1 * queries.mag[i][0] - 0.2 * queries.mag[i][2], 1e-9);
}

}  // namespace
}  // namespace skyfold
