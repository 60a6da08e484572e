// Small fixed pieces of work, one after the other on one thread, each counted by itself when the program runs under callgrind:
//
//   valgrind --tool=callgrind --instr-atstart=no guard_workloads FOLDER [NAME...]
//
// Prints compiler and flags, then the name of each piece and its number of objects; writes files to FOLDER. All data come from
// counter-based random numbers, so the number of instructions depends on program, compiler and libraries alone.
#include <fmt/core.h>
#include <valgrind/callgrind.h>

#include <algorithm>

#include "skyfold/core/log.hpp"
#include "skyfold/core/version.hpp"
#include "workloads.hpp"

namespace {

void count(const skyfold::guard::NamedWorkload& named) {
  const skyfold::guard::Workload workload = named.make();
  workload.work();
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  workload.work();
  CALLGRIND_DUMP_STATS_AT(named.name);
  CALLGRIND_STOP_INSTRUMENTATION;
  fmt::print("{} {}\n", named.name, workload.objects);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace skyfold::guard;
  if (argc < 2) return 2;
  const std::vector<std::string> wanted(argv + 2, argv + argc);
  skyfold::silence_log();
  fmt::print("{}\n", skyfold::build_description());
  for (const auto& workloads : {kernel_workloads(), file_workloads(argv[1]), farm_workloads()})
    for (const NamedWorkload& named : workloads)
      if (wanted.empty() || std::ranges::find(wanted, named.name) != wanted.end()) count(named);
  return 0;
}
