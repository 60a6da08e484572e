// Ranks that do not end together, for tests/CMakeLists.txt: the last rank does as the first word says, the others wait for
// it in a collective call. What `cli` does at the end of a command follows.
#include <cstdio>
#include <stdexcept>
#include <string>

#include "skyfold/farm/ranks.hpp"

namespace {

using namespace skyfold;

void last_rank(const std::string& what) {
  if (what == "error") throw DataError("row 7 of x.csv is damaged");
  if (what == "defect") throw std::out_of_range("index 7");
  if (what == "memory") throw std::bad_alloc();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  RankClock clock;
  const MpiSession session(argc, argv);
  const Ranks ranks(clock);
  Failure failure;
  bool is_shared = false;
  try {
    if (ranks.rank() == ranks.size() - 1 && what != "together")
      last_rank(what);  // "out of step" goes on without a word
    else if (what == "together")
      ranks.together([&] { last_rank("error"); });
    else
      (void)ranks.gather("a");
  } catch (const SharedError& error) {
    failure = {error.code(), error.what()};
    is_shared = true;
  } catch (...) {
    failure = current_failure();
  }
  const RunEnding ending = ranks.end(failure, is_shared);
  if (ending.failure && (ranks.is_first() || !ending.is_common))
    std::printf("rank %d ends: code %d, %s\n", ranks.rank(), static_cast<int>(ending.failure.code), ending.failure.message.c_str());
  std::fflush(stdout);
  if (!ending.is_common) ranks.abort(ending.failure.code);
  return ranks.is_first() ? static_cast<int>(ending.failure.code) : 0;
}
