#pragma once

#include <string>
#include <vector>

#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/state.hpp"
#include "skyfold/workflow/view.hpp"

/// Pipelines made by hand, record by record, for tests of what shows them.
namespace skyfold::workflow::examples {

inline Node task(const std::string& name, const std::string& on, const std::string& group = {}) {
  Node node;
  node.name = name;
  node.on = {{on, group.empty() ? Trigger::each : Trigger::all, group}};
  return node;
}

inline Node step(const std::string& name, const std::string& after = {}) {
  Node node;
  node.name = name;
  node.is_step = true;
  node.on = {after.empty() ? Trigger{"@start", Trigger::each, ""} : Trigger{"@" + after, Trigger::all, "*"}};
  return node;
}

inline PipelineFile file_with(std::vector<Node> nodes) {
  PipelineFile file;
  file.path = "work/SURVEY.ini";
  file.folder = "/data/work";
  file.name = "survey";
  file.nodes = std::move(nodes);
  return file;
}

/// Applies records, with numbers given by itself.
class Story {
 public:
  PipelineState state;
  double now = 1000.0;

  void session(const std::string& user = "ada") { state.apply(SessionRecord{now, "node03", "0.1.0", user, 77, 2}); }
  std::int64_t root(const std::string& event_class, const Keys& keys) {
    state.apply(EventRecord{++events_, 0, event_class, keys});
    return events_;
  }
  std::int64_t job(const std::string& node, const std::vector<std::int64_t>& events, const Keys& keys = {}) {
    state.apply(JobRecord{++jobs_, node, events, keys, ""});
    return jobs_;
  }
  void start(std::int64_t job, const std::string& agent = "rank 1", const std::string& host = "node03", int attempt = 1) {
    state.apply(StartRecord{job, attempt, now, agent, host});
  }
  /// @returns ids of the events that it emitted
  std::vector<std::int64_t> end(std::int64_t job, const std::string& how, double wall_s, std::vector<EventRecord> emitted = {},
                                const std::string& message = {}, int exit_code = 0, int attempt = 1) {
    EndRecord end;
    end.job = job;
    end.attempt = attempt;
    end.how = how;
    end.time_s = now += wall_s;
    end.wall_s = wall_s;
    end.cpu_s = 0.5 * wall_s;
    end.memory_bytes = job * 1000000;
    end.message = message;
    end.exit_code = exit_code;
    std::vector<std::int64_t> ids;
    for (EventRecord& event : emitted) {
      event.id = ++events_;
      event.parent = job;
      ids.push_back(event.id);
    }
    end.events = std::move(emitted);
    state.apply(end);
    return ids;
  }
  void close(int code) { state.apply(CloseRecord{now, code}); }

 private:
  std::int64_t events_ = 0, jobs_ = 0;
};

/// Images of bricks 3 and 4 are reduced, and stacked brick by brick; the stack of brick 3 fails, brick 4 waits for an image that runs.
struct Survey {
  PipelineFile file = file_with({task("reduce", "image"), task("stack", "reduced", "brick")});
  Story story;

  Survey() {
    file.targets = "images.csv";
    story.session();
    std::vector<std::int64_t> reduced;
    for (const char* image : {"a.fits", "b.fits"}) {
      const Keys keys = {{"brick", "3"}, {"image", image}};
      const auto job = story.job("reduce", {story.root("image", keys)}, keys);
      story.start(job, "rank 2", "node07");
      reduced.push_back(story.end(job, "completed", 41.0, {{0, 0, "reduced", {{"brick", "3"}}}}).front());
    }
    const auto stack = story.job("stack", reduced, {{"brick", "3"}});
    story.start(stack);
    story.end(stack, "failed", 5.0, {}, "no PSF star", 2);
    const Keys third = {{"brick", "4"}, {"image", "c.fits"}}, fourth = {{"brick", "4"}, {"image", "d.fits"}};
    const auto done = story.job("reduce", {story.root("image", third)}, third);
    story.start(done);
    story.end(done, "completed", 20.0, {{0, 0, "reduced", {{"brick", "4"}}}});
    story.start(story.job("reduce", {story.root("image", fourth)}, fourth));
  }
  [[nodiscard]] Standing standing(const std::string& holder = "node03, process 77") const {
    return standing_of(file, story.state, holder, story.now + 7.0);
  }
};

}  // namespace skyfold::workflow::examples
