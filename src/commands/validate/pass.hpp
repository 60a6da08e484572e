#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/dataset/parts_work.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {

/// The run that does the passes of validate, on all ranks.
struct ValidatePasses {
  Run& run;
  const Ranks& ranks;
  int threads = 1;
};

/// Does one pass in fixed units, so that nothing depends on who does which; and calls `use(rows, value)` on every rank, in the order of
/// rows.
///
/// @param task   its name; `parts`: that of what it keeps, unique in the run
/// @param units  on every rank the same
template <class Codec, class Use>
void do_pass(const ValidatePasses& passes, const TaskInfo& task, const std::string& parts, const std::vector<Partition>& units,
             typename PartsWork<Codec>::Fill read, typename PartsWork<Codec>::Fill compute, Use use) {
  const PartsOf<Codec> kept(passes.run.parts(parts));
  TaskInfo whole = task;
  whole.whole_jobs = true;
  whole.must_succeed = true;
  passes.run.farm(whole, units, std::make_shared<PartsWork<Codec>>(kept, std::move(read), std::move(compute)));
  if (units.empty()) return;
  const PhaseScope scope(passes.ranks.clock(), Phase::read);
  passes.ranks.together([&] { kept.merge({units.front().rows.begin, units.back().rows.end}, use); });
}

}  // namespace skyfold
