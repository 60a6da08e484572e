// The timeline of a run in Chrome's trace event format: one line for the kernel and one for the files of each rank.
#include "trace.hpp"
#include "skyfold/core/escape.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"

namespace skyfold {
namespace {

std::string quoted(const std::string& text) { return json_text(nlohmann::json(text)); }

}  // namespace

Trace::Trace(const std::string& path) {
  if (path.empty()) return;
  try {
    file_.emplace(File::created_or_found(path));
    end_ = file_->size();
  } catch (const Error& error) {
    give_up(error.what());
  }
  // Never closed by a bracket: the format allows that, and a later attempt can go on writing.
  if (end_ == 0) put("[\n");
}

void Trace::flush() {
  try {
    if (file_) file_->sync_data();
  } catch (const Error& error) {
    give_up(error.what());
  }
}

/// Whole lines, so that a killed process leaves whole events, to which a later one can add.
void Trace::put(const std::string& line) {
  try {
    if (file_) file_->write(end_, line);
    end_ += std::ssize(line);
  } catch (const Error& error) {
    give_up(error.what());
  }
}

/// The timeline is for people to look at: without it the run goes on.
void Trace::give_up(const char* why) {
  file_.reset();
  log_warning(fmt::format("no timeline of this run: {}", why));
}

void Trace::add(const JobOutcome& outcome, const std::string& host_name, const std::string& label) {
  if (!file_) return;
  // Chrome's "process" is the host here, its "threads" are two lines for each rank.
  const int host = host_number(host_name), line = 2 * outcome.rank;
  const auto rank = static_cast<std::size_t>(outcome.rank);
  if (rank >= idle_since_s_.size()) idle_since_s_.resize(rank + 1);
  // The first job of this rank.
  if (idle_since_s_[rank] == 0.0) name_lines(host, outcome.rank);
  const JobTimes& t = outcome.times;
  const std::string arguments = fmt::format(R"("partition":{},"rows":"{} to {}","attempt":{},"end":"{}")", quoted(label),
                                            outcome.job.rows.begin, outcome.job.rows.end, outcome.attempt(),
                                            outcome.end == JobEnd::done     ? "done"
                                            : outcome.end == JobEnd::failed ? "failed"
                                                                            : "lost");
  if (t.compute_begin > 0.0) {
    const double idle = idle_since_s_[rank] > 0.0 ? t.compute_begin - idle_since_s_[rank] : 0.0;
    if (idle > 0.0) event("wait", host, line, idle_since_s_[rank], idle, "");
    event("compute", host, line, t.compute_begin, t.compute_end - t.compute_begin, arguments);
    idle_since_s_[rank] = t.compute_end;
  }
  if (t.read_s > 0.0) event("read", host, line + 1, t.begin, t.read_s, arguments);
  if (t.write_s > 0.0) event("write", host, line + 1, t.compute_end, t.write_s, arguments);
}

void Trace::event(const char* name, int host, int line, double begin_s, double seconds, const std::string& arguments) {
  put(fmt::format(R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{:.0f},"dur":{:.0f},"args":{{{}}}}},)"
                  "\n",
                  name, host, line, begin_s * 1e6, seconds * 1e6, arguments));
}

int Trace::host_number(const std::string& host) {
  const auto known = std::find(hosts_.begin(), hosts_.end(), host);
  if (known != hosts_.end()) return static_cast<int>(known - hosts_.begin());
  hosts_.push_back(host);
  const int number = static_cast<int>(hosts_.size()) - 1;
  put(fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"args":{{"name":{}}}}},)"
                  "\n",
                  number, quoted(host)));
  return number;
}

void Trace::name_lines(int host, int rank) {
  for (const auto& [line, what] : {std::pair{2 * rank, "kernel"}, std::pair{2 * rank + 1, "files"}})
    put(fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"rank {} {}"}}}},)"
                    "\n",
                    host, line, rank, what));
}

}  // namespace skyfold
