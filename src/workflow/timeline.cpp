// The timeline of a pipeline's slots: a lane for each slot of an agent that was taken, a bar for each attempt. The journal does not say
// which slot an attempt had, so lanes are filled from the top: an attempt takes the first ones that are free when it begins.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/page.hpp"

namespace skyfold::workflow {
namespace {

constexpr double label_px = 190.0, plot_px = 1000.0, lane_px = 15.0, top_px = 8.0;
constexpr std::size_t most_lanes = 64, most_titles = 2000;
constexpr double worth_a_title_px = 2.0;

struct Bar {
  std::string agent;
  double begin_s = 0.0, end_s = 0.0;
  int slots = 1;
  std::size_t look = 0;  ///< in `looks`
  const JobState* job = nullptr;
};
constexpr std::array<const char*, 4> looks = {"completed", "running", "failed", "lost"};

std::size_t look_of(const Attempt& attempt) {
  if (!attempt.end) return 1;
  if (attempt.end->how == "completed") return 0;
  return attempt.end->how == "lost" ? 3 : 2;
}

std::vector<Bar> bars_of(const PipelineFile& file, const PipelineState& state, const Standing& standing, double last_s) {
  std::vector<Bar> bars;
  for (const auto& [id, job] : state.jobs()) {
    const Node* node = file.node(job.record.node);
    for (const Attempt& attempt : attempts_of(job)) {
      const double so_far = standing.word == "running" ? standing.now_s : last_s;
      const double end = attempt.end ? attempt.end->time_s : so_far;
      const std::string agent = attempt.start->agent.empty() ? attempt.start->host : attempt.start->agent;
      bars.push_back({agent, attempt.start->time_s, std::max(end, attempt.start->time_s), node ? std::max(1, node->slots) : 1,
                      look_of(attempt), &job});
    }
  }
  std::stable_sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.begin_s < b.begin_s; });
  return bars;
}

/// Last time that the journal tells of.
double last_time(const PipelineState& state) {
  double last = 0.0;
  for (const auto& [id, job] : state.jobs()) {
    for (const StartRecord& start : job.starts) last = std::max(last, start.time_s);
    for (const EndRecord& end : job.ends) last = std::max(last, end.time_s);
  }
  return last;
}

/// Lanes of an agent, by when each is free again.
struct Lanes {
  std::vector<double> free_s;
  std::vector<std::vector<const Bar*>> bars;

  void add(const Bar& bar) {
    int wanted = bar.slots;
    for (std::size_t i = 0; wanted > 0; ++i) {
      if (i == free_s.size()) {
        free_s.push_back(-1.0);
        bars.emplace_back();
      }
      if (free_s[i] > bar.begin_s) continue;
      free_s[i] = bar.end_s;
      bars[i].push_back(&bar);
      --wanted;
    }
  }
};

/// Draws lanes; bars that are too small to be pointed at become one path for each look, so that a page of many jobs stays small.
class Drawing {
 public:
  Drawing(double begin_s, double end_s) : begin_s_(begin_s), scale_(plot_px / std::max(1e-3, end_s - begin_s)) {}

  void lane(const std::string& label, const std::vector<const Bar*>& bars) {
    svg_ += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", label_px - 6.0, y_ + 0.5 * lane_px,
                        html_text(label));
    std::array<double, looks.size()> drawn;
    drawn.fill(-1.0);
    std::array<std::string, looks.size()> paths;
    for (const Bar* bar : bars) {
      const double left = place(bar->begin_s), right = std::max(place(bar->end_s), left + 0.6);
      if (right - left >= worth_a_title_px && titles_ < most_titles)
        titled(*bar, left, right);
      else if (right > drawn[bar->look] + 0.3) {
        // What a path has already covered is not drawn again.
        paths[bar->look] += fmt::format("M{:.1f} {:.1f}h{:.1f}v{:.1f}h-{:.1f}z", left, y_ + 1.5, right - left, lane_px - 3.0, right - left);
        drawn[bar->look] = right;
      }
    }
    for (std::size_t i = 0; i < looks.size(); ++i)
      if (!paths[i].empty()) svg_ += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", looks[i], paths[i]);
    y_ += lane_px;
  }
  void axis(double end_s) {
    const double step = nice_step((end_s - begin_s_) / 6.0);
    for (double t = 0.0; t <= end_s - begin_s_ + 1e-9; t += step) {
      const double x = place(begin_s_ + t);
      svg_ += fmt::format(
          "<path class=\"grid\" d=\"M{0:.1f} {1:.0f}V{2:.1f}\"/><text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>\n", x,
          top_px, y_ + 3.0, y_ + 13.0, duration_text(t));
    }
    y_ += 24.0;
  }
  [[nodiscard]] std::string svg() const {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tl\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "role=\"img\" "
        "aria-label=\"timeline of slots\">\n{2}</svg>\n",
        label_px + plot_px + 30.0, y_, svg_);
  }

 private:
  [[nodiscard]] double place(double time_s) const { return label_px + (time_s - begin_s_) * scale_; }
  /// The first of the steps that people read off a clock which is not below `rough`.
  static double nice_step(double rough) {
    for (const double unit : {1.0, 60.0, 3600.0})
      for (const double count : {1.0, 2.0, 5.0, 10.0, 20.0, 30.0})
        if (rough <= count * unit) return rough > 0.5 ? count * unit : std::max(1e-3, rough);
    return std::ceil(rough / 86400.0) * 86400.0;
  }
  void titled(const Bar& bar, double left, double right) {
    ++titles_;
    svg_ += fmt::format(
        "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"><title>Job({}) {} {}: {}, {}</title></rect>\n",
        looks[bar.look], left, y_ + 1.5, right - left, lane_px - 3.0, bar.job->record.id, html_text(bar.job->record.node),
        html_text(keys_text(bar.job->record.keys)), looks[bar.look], duration_text(bar.end_s - bar.begin_s));
  }

  double begin_s_, scale_, y_ = top_px;
  std::size_t titles_ = 0;
  std::string svg_;
};

}  // namespace

std::string timeline_svg(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  const std::vector<Bar> bars = bars_of(file, state, standing, last_time(state));
  if (bars.empty()) return "<p>No job has begun yet.</p>\n";
  double end_s = bars.front().end_s;
  std::map<std::string, Lanes> agents;
  for (const Bar& bar : bars) {
    agents[bar.agent].add(bar);
    end_s = std::max(end_s, bar.end_s);
  }
  Drawing drawing(bars.front().begin_s, end_s);
  std::size_t lanes = 0, left_out = 0;
  for (const auto& [agent, its] : agents)
    for (std::size_t i = 0; i < its.bars.size(); ++i) {
      if (lanes == most_lanes) {
        ++left_out;
        continue;
      }
      ++lanes;
      drawing.lane(fmt::format("{} {}", agent.size() > 22 ? "..." + agent.substr(agent.size() - 19) : agent, i + 1), its.bars[i]);
    }
  drawing.axis(end_s);
  std::string html =
      fmt::format("<div class=\"wide\">{}</div>\n<p class=\"sub\">Time since {} UTC. Lanes are slots of agents, filled from the top.",
                  drawing.svg(), utc_text(bars.front().begin_s));
  if (left_out > 0) html += fmt::format(" {} more lanes are left out.", grouped(static_cast<long long>(left_out)));
  return html +
         "</p>\n<p class=\"key\"><span class=\"completed\"></span>completed <span class=\"running\"></span>running or cut off <span "
         "class=\"failed\"></span>failed <span class=\"lost\"></span>lost with its worker</p>\n";
}

}  // namespace skyfold::workflow
