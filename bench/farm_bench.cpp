// What the farm itself costs: jobs of one empty row, so that all time is messages, journal and scheduling.
//
//   mpirun -n 4 farm_bench [JOBS] [FOLDER]
//
// Prints the time per job and the processor share of rank 0, first without any record, then with journal, trace and
// statistics as every command keeps them.
#include <fmt/core.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>

#include "skyfold/core/log.hpp"
#include "skyfold/run/run.hpp"

namespace {

using namespace skyfold;

class NoWork final : public Work {
 public:
  void read(const Job&, RowRange, int, JobResult&) override {}
  void compute(const Job&, RowRange, int) override {}
  void write(const Job&, RowRange block, int, JobResult& result) override { result.rows += block.size(); }
  void sync() override {}
  void mark_failed(RowRange) override {}
};

struct NoRecord final : FarmObserver {
  void started(const Job&, int) override {}
  void finished(const JobOutcome&) override {}
};

double processor_s() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <class Farm>
void measure(const Ranks& ranks, const char* what, std::int64_t jobs, const Farm& farm) {
  const double start = now_s(), processor = processor_s();
  farm();
  const double wall = now_s() - start, busy = processor_s() - processor;
  if (ranks.is_first())
    fmt::print("{:<28} {:>9} jobs {:>8.2f} s {:>8.2f} us per job {:>10.0f} jobs/s   rank 0: {:.2f} of a processor\n", what, jobs, wall,
               1e6 * wall / static_cast<double>(jobs), static_cast<double>(jobs) / wall, busy / wall);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t jobs = argc > 1 ? std::atoll(argv[1]) : 100'000;
  const std::string folder = argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string();
  RankClock clock;
  const MpiSession session(argc, argv);
  Ranks ranks(clock);
  silence_log();
  std::vector<Partition> partitions;
  for (std::int64_t i = 0; i < jobs; ++i) partitions.push_back({i, "row", {i, i + 1}, 1.0});
  FarmOptions options;
  options.master = "dedicated";
  const auto work = std::make_shared<NoWork>();
  const std::vector<Job> all = build_jobs(partitions, {"1"});

  NoRecord nobody;
  measure(ranks, "messages alone", jobs, [&] { run_farm(ranks, {0, all, partitions, {}}, work, nobody, options); });
  measure(ranks, "with journal and trace", jobs, [&] {
    const OptionSet none;
    RunOptions run_options;
    run_options.fresh = true;
    run_options.farm = options;
    const std::string output = folder + "/farm_bench.out";
    Run run(ranks, none, run_options, {"bench", "0", output, {output}, {}});
    run.farm({"bench", "rows", "1"}, partitions, work);
    run.discard();
  });
  return 0;
}
