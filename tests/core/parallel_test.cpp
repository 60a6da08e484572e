#include "skyfold/core/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace skyfold {
namespace {

/// Items, chunk, threads.
class ParallelFor : public testing::TestWithParam<std::tuple<std::size_t, std::size_t, int>> {};

TEST_P(ParallelFor, VisitsEachItemOnceInChunksOfTheSizeAskedFor) {
  const auto [n, chunk, threads] = GetParam();
  std::vector<std::atomic<int>> visits(n);
  std::atomic<bool> fits = true;
  parallel_for(n, chunk, threads, [&](std::size_t begin, std::size_t end, int thread) {
    const bool is_whole = end - begin == chunk || end == n;
    if (begin % chunk != 0 || end - begin > chunk || !is_whole || thread < 0 || thread >= threads) fits = false;
    for (std::size_t i = begin; i < end; ++i) ++visits[i];
  });
  EXPECT_TRUE(fits);
  for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(visits[i], 1) << "item " << i;
}

TEST_P(ParallelFor, RethrowsTheErrorOfABody) {
  const auto [n, chunk, threads] = GetParam();
  const std::size_t bad = n / 2;
  std::string caught;
  try {
    parallel_for(n, chunk, threads, [&](std::size_t begin, std::size_t end, int) {
      if (begin <= bad && bad < end) throw std::runtime_error("item " + std::to_string(bad));
    });
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  EXPECT_EQ(caught, n == 0 ? "" : "item " + std::to_string(bad));  // without items no body is called
}

INSTANTIATE_TEST_SUITE_P(Sizes, ParallelFor,
                         testing::Combine(testing::Values(0, 1, 7, 64, 1000), testing::Values(1, 7, 64, 5000), testing::Values(1, 2, 5)));

TEST(ParallelForAfterAnError, WorksAgain) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_THROW(parallel_for(100, 1, 4, [](std::size_t, std::size_t, int) { throw 1; }), int);
    std::atomic<int> visits = 0;
    parallel_for(100, 1, 4, [&](std::size_t, std::size_t, int) { ++visits; });
    EXPECT_EQ(visits, 100);
  }
}

class InterruptedParallelFor : public testing::TestWithParam<int> {
 protected:
  ~InterruptedParallelFor() override { interrupt_parallel_for(false); }
};

TEST_P(InterruptedParallelFor, BeginsNothing) {
  std::atomic<int> visits = 0;
  interrupt_parallel_for(true);
  EXPECT_TRUE(is_interrupted());
  for (const std::size_t n : {1U, 100U})
    EXPECT_THROW(parallel_for(n, 1, GetParam(), [&](std::size_t, std::size_t, int) { ++visits; }), Interrupted);
  EXPECT_EQ(visits, 0);
}

TEST_P(InterruptedParallelFor, EndsAtItsNextChunk) {
  const int threads = GetParam();
  std::atomic<int> visits = 0;
  const auto body = [&](std::size_t begin, std::size_t, int) {
    ++visits;
    if (begin == 0) interrupt_parallel_for(true);
    while (!is_interrupted()) {
    }  // no thread goes on before
  };
  EXPECT_THROW(parallel_for(1000, 1, threads, body), Interrupted);
  EXPECT_LE(visits, threads);
}

TEST_P(InterruptedParallelFor, GoesOnOnceItIsWantedAgain) {
  interrupt_parallel_for(true);
  interrupt_parallel_for(false);
  std::atomic<int> visits = 0;
  parallel_for(100, 1, GetParam(), [&](std::size_t, std::size_t, int) { ++visits; });
  EXPECT_EQ(visits, 100);
}

INSTANTIATE_TEST_SUITE_P(Threads, InterruptedParallelFor, testing::Values(1, 4));

}  // namespace
}  // namespace skyfold
