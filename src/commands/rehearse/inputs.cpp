// What a rehearsal starts from: the costs that the journal of an earlier run tells, or those that the user gives, and the
// partitions of a catalogue or of a survey that does not exist yet, whose sizes are drawn.
#include "inputs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/io/journal.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

// Two streams, so that another scatter of costs leaves the sizes as they are.
constexpr std::uint32_t size_stream = 1, cost_stream = 2;

/// A deviate with mean 1 whose logarithm has standard deviation `scatter`.
double log_normal(std::uint64_t seed, std::int64_t partition, std::uint32_t stream, double scatter) {
  ObjectRandom random(seed, static_cast<std::uint64_t>(partition), stream);
  // exp of a normal deviate of mean 0 has mean exp(scatter^2 / 2): taken off, so that scatter leaves the total as it is.
  return std::exp(scatter * random.normal() - 0.5 * scatter * scatter);
}

/// Seconds of ranks in computing by pass.
std::int32_t longest_pass(const std::vector<JournalRecord>& records) {
  std::map<std::int32_t, double> seconds;
  for (const JournalRecord& r : records)
    // A run has several passes; the longest one is what is worth rehearsing.
    if (r.event == Event::done) seconds[r.task] += r.compute_s;
  const auto longest = std::max_element(seconds.begin(), seconds.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return longest == seconds.end() ? 0 : longest->first;
}

/// Partitions of a job, taken as equal; the last one has what is left over.
void add_partitions(const JournalRecord& done, std::vector<Partition>& partitions) {
  const std::int64_t count = std::clamp<std::int64_t>(done.partition_count, 1, done.rows.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto edge = [&](std::int64_t number) { return done.rows.begin + done.rows.size() * number / count; };
    const RowRange rows{edge(i), edge(i + 1)};
    partitions.push_back({std::ssize(partitions), done.label, rows, static_cast<double>(rows.size())});
  }
}

/// Standard deviation of the logarithm of a row's computing between jobs, each weighted by its rows.
double scatter_of(const std::vector<CostProfile::Stretch>& stretches) {
  double weight = 0.0, sum = 0.0, squares = 0.0;
  for (const auto& [rows, cost] : stretches) {
    // Too short for the clock: their logarithm says nothing.
    if (cost.compute_s <= 0.0) continue;
    const double w = static_cast<double>(rows.size()), x = std::log(cost.compute_s);
    weight += w;
    sum += w * x;
    squares += w * x * x;
  }
  return weight > 0.0 ? std::sqrt(std::max(0.0, squares / weight - sum * sum / (weight * weight))) : 0.0;
}

/// What the records of a pass tell, in order of rows; rows done twice count once.
std::vector<JournalRecord> done_records(const std::vector<JournalRecord>& records, std::int32_t pass) {
  std::map<std::int64_t, JournalRecord> by_row;
  for (const JournalRecord& r : records)
    // A later attempt replaces the earlier one at the same row.
    if (r.event == Event::done && r.task == pass && r.rows.size() > 0) by_row[r.rows.begin] = r;
  std::vector<JournalRecord> done;
  for (const auto& [row, r] : by_row)
    // Jobs of two attempts may overlap where they were cut otherwise: the first one counts, by row.
    if (done.empty() || r.rows.begin >= done.back().rows.end) done.push_back(r);
  return done;
}

/// Start, end, ranks and memory of the session that ended the run.
void read_session(const std::vector<JournalRecord>& records, std::int32_t pass, EarlierRun& run) {
  double begin_s = 0.0, first_s = 0.0, last_s = 0.0;
  std::set<std::string> hosts;
  for (const JournalRecord& r : records) {
    // A run that was taken up has several sessions: each starts the reckoning anew, so that the last one, which ended, remains.
    if (r.event == Event::session) {
      begin_s = r.unix_time_s - r.read_s;
      first_s = last_s = 0.0;
      run.ranks = std::max(1, r.rank);
      run.processors = static_cast<int>(std::max<std::int64_t>(1, r.partition_count));
      // A rank's host is known from its first job; rank 0's from the session.
      hosts = {r.host};
    }
    if (r.event == Event::task && r.task == pass) run.pass = r.label;
    if (r.event == Event::started && r.task == pass && first_s == 0.0) first_s = r.unix_time_s;
    if (r.event == Event::done && r.task == pass) {
      last_s = r.unix_time_s;
      hosts.insert(r.host);
    }
    if (r.event == Event::ended) {
      run.threads = std::max(1, r.rank);
      run.memory_mb = static_cast<double>(r.bytes_written) / 1e6;
      run.start_s = std::max(0.0, first_s - begin_s);
      run.finish_s = std::max(0.0, r.unix_time_s - last_s);
    }
  }
  run.ranks_per_node = (run.ranks + static_cast<int>(hosts.size()) - 1) / static_cast<int>(hosts.size());
}

}  // namespace

void describe(OptionSet& option, SurveyOptions& o) {
  option("survey.rows", o.rows, "rows of a survey that does not exist yet; 0: the catalogue's, or those of the earlier run")
      .range(0, 1e12)
      .layout();
  option("survey.partitions", o.partitions, "partitions of that survey").range(1, 1e7).layout();
  option("survey.scatter", o.scatter, "scatter of their sizes: standard deviation of the natural logarithm").range(0, 3).layout();
  option("survey.seed", o.seed, "another seed, other sizes and costs").range(0, 9e15).layout();
}

void describe(OptionSet& option, CostOptions& o) {
  option("cost.compute", o.compute_us, "computing of a row on one thread").unit("microseconds").range(0, 1e12).layout();
  option("cost.read", o.read_us, "reading of a row").unit("microseconds").range(0, 1e12).layout();
  option("cost.write", o.write_us, "writing of a row").unit("microseconds").range(0, 1e12).layout();
  option("cost.scatter", o.scatter, "scatter of a row's computing between partitions: standard deviation of the natural logarithm")
      .range(0, 3)
      .layout();
  option("cost.message", o.message_us, "time of rank 0 for a job: request, handing out, report, records")
      .unit("microseconds")
      .range(0, 1e12)
      .layout();
  option("cost.job", o.job_s, "time of a rank to begin a job").unit("s").range(0, 1e6).layout();
  option("cost.sync", o.sync_s, "time of a rank to make written rows durable, twice a second at most").unit("s").range(0, 1e6).layout();
  option("cost.start", o.start_s, "from the start of the processes to the first job").unit("s").range(0, 1e6).layout();
  option("cost.finish", o.finish_s, "from the last job to the end").unit("s").range(0, 1e6).layout();
  option("cost.contention", o.contention,
         "by what part of itself each other rank that computes makes computing longer (shared storage or memory)")
      .range(0, 1e3)
      .layout();
  option("cost.memory", o.memory_mb, "largest resident memory of a rank").unit("MB").range(0, 1e9).layout();
}

// Threads over processors of a node, if there were more of them.
double EarlierRun::crowding() const noexcept { return std::max(1.0, static_cast<double>(ranks_per_node) * threads / processors); }

EarlierRun read_earlier_run(const std::string& output) {
  const std::string path = run_path(output) + "/journal";
  const auto records = read_journal(path);
  if (records.empty()) throw IoError(path + ": no journal of a run");
  if (std::none_of(records.begin(), records.end(),
                   [](const JournalRecord& r) { return r.event == Event::ended && r.attempt == 0 && r.rank > 0; }))
    throw DataError(path + ": the run has not come to its end, or was made by an earlier version");
  EarlierRun run;
  const std::int32_t pass = longest_pass(records);
  read_session(records, pass, run);
  for (const JournalRecord& r : done_records(records, pass)) {
    const double rows = static_cast<double>(r.rows.size());
    // While ranks shared processors, all that they did took longer.
    const double alone = 1.0 / (rows * run.crowding());
    run.stretches.push_back({r.rows, {r.read_s * alone, r.compute_s * run.threads * alone, r.write_s * alone}});
    run.rows += r.rows.size();
    add_partitions(r, run.partitions);
  }
  if (run.stretches.empty()) throw DataError(path + ": no rows were computed");
  run.scatter = scatter_of(run.stretches);
  return run;
}

std::vector<Partition> invented_partitions(const SurveyOptions& o) {
  std::vector<double> ends;
  double sum = 0.0;
  for (std::int64_t i = 0; i < o.partitions; ++i)
    ends.push_back(sum += log_normal(static_cast<std::uint64_t>(o.seed), i, size_stream, o.scatter));
  std::vector<Partition> partitions;
  std::int64_t begin = 0;
  for (const double end : ends) {
    const auto row = static_cast<std::int64_t>(std::llround(end / sum * static_cast<double>(o.rows)));
    // Of few rows in many partitions some round to nothing.
    if (row > begin)
      partitions.push_back(
          {std::ssize(partitions), fmt::format("partition {}", partitions.size()), {begin, row}, static_cast<double>(row - begin)});
    begin = std::max(begin, row);
  }
  return partitions;
}

CostProfile cost_profile(const OptionSet& options, const CostOptions& o, const std::optional<EarlierRun>& earlier,
                         const std::vector<Partition>& partitions, std::uint64_t seed) {
  // The course of costs along the rows is kept only where the rows are the same ones.
  const bool is_same_survey = earlier && earlier->rows == partitions.back().rows.end;
  const BlockCost mean = earlier ? CostProfile(earlier->stretches).mean() : BlockCost{};
  const BlockCost given{options.given("cost.read") ? 1e-6 * o.read_us : mean.read_s,
                        options.given("cost.compute") ? 1e-6 * o.compute_us : mean.compute_s,
                        options.given("cost.write") ? 1e-6 * o.write_us : mean.write_s};
  std::vector<CostProfile::Stretch> stretches;
  if (is_same_survey && !options.given("cost.scatter")) {
    for (auto [rows, cost] : earlier->stretches) {
      // A mean that is given keeps the course along the rows: each stretch changes by the same factor.
      const auto rescaled = [](double value, double from, double to) { return from > 0.0 ? value * to / from : to; };
      stretches.push_back({rows,
                           {rescaled(cost.read_s, mean.read_s, given.read_s), rescaled(cost.compute_s, mean.compute_s, given.compute_s),
                            rescaled(cost.write_s, mean.write_s, given.write_s)}});
    }
    return CostProfile(std::move(stretches));
  }
  const double scatter = options.given("cost.scatter") || !earlier ? o.scatter : earlier->scatter;
  for (const Partition& partition : partitions)
    stretches.push_back(
        {partition.rows, {given.read_s, given.compute_s * log_normal(seed, partition.id, cost_stream, scatter), given.write_s}});
  return CostProfile(std::move(stretches));
}

}  // namespace skyfold
