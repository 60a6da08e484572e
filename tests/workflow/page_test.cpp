// Page, timeline, graph and sums of a pipeline, of records written by hand.
#include "skyfold/workflow/page.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "../support.hpp"
#include "pipeline_examples.hpp"
#include "skyfold/workflow/graph.hpp"
#include "skyfold/workflow/usage.hpp"

namespace skyfold::workflow {
namespace {

using examples::file_with;
using examples::step;
using examples::Story;
using examples::Survey;
using examples::task;
using testing_support::contains;

std::int64_t count_of(const std::string& text, const std::string& part) {
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

TEST(PipelineUsage, AddsUpAttemptsByNodeUserAndHost) {
  Survey survey;
  const auto by = [&](const char* what) { return usage_by(survey.file, survey.story.state, what); };
  const auto nodes = by("node");
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[0].name, "reduce");
  EXPECT_EQ(nodes[0].jobs, 4);
  EXPECT_EQ(nodes[0].attempts, 4);
  EXPECT_EQ(nodes[0].completed, 3);
  EXPECT_DOUBLE_EQ(nodes[0].cpu_s, 51.0);
  EXPECT_DOUBLE_EQ(nodes[0].longest_s, 41.0);
  EXPECT_EQ(nodes[0].memory_bytes, 4000000);
  EXPECT_EQ(nodes[1].failed, 1);
  const auto hosts = by("host");
  ASSERT_EQ(hosts.size(), 3U);
  EXPECT_EQ(hosts[0].name, "node03");
  EXPECT_DOUBLE_EQ(hosts[0].wall_s, 25.0);
  EXPECT_DOUBLE_EQ(hosts[1].wall_s, 82.0);
  EXPECT_EQ(by("step").size(), 1U);
  EXPECT_EQ(by("user")[0].name, "ada");
  for (const char* what : {"node", "task", "host", "user"}) {
    EXPECT_DOUBLE_EQ(by(what).back().wall_s, 107.0) << what;
    EXPECT_EQ(by(what).back().attempts, 5) << what;
  }
}

TEST(PipelineUsage, OfSlotsIsThatOfTheSlotsTaken) {
  Survey survey;
  survey.file.nodes[0].slots = 3;
  EXPECT_DOUBLE_EQ(usage_by(survey.file, survey.story.state, "node")[0].slot_s, 306.0);
}

TEST(PipelineUsage, GivesAnAttemptToTheUserOfItsSession) {
  Story story;
  story.session("ada");
  const auto first = story.job("t", {}), second = story.job("t", {});
  story.start(first);
  story.end(first, "completed", 3.0);
  story.session("ben");
  story.start(second);
  story.end(second, "completed", 4.0);
  const auto users = usage_by(file_with({task("t", "@start")}), story.state, "user");
  ASSERT_EQ(users.size(), 3U);
  EXPECT_EQ(users[0].name, "ada");
  EXPECT_DOUBLE_EQ(users[0].wall_s, 3.0);
  EXPECT_DOUBLE_EQ(users[1].wall_s, 4.0);
}

const PipelineGraph::Vertex& vertex(const PipelineGraph& graph, const std::string& name) {
  for (const auto& v : graph.vertices)
    if (v.name == name) return v;
  throw std::runtime_error("no vertex " + name);
}

bool has_edge(const PipelineGraph& graph, const std::string& from, const std::string& to) {
  for (const auto& edge : graph.edges)
    if (graph.vertices[edge.from].name == from && graph.vertices[edge.to].name == to) return true;
  return false;
}

TEST(PipelineGraph, KnowsFromTheJournalWhoGivesOutWhichEvents) {
  const Survey survey;
  const PipelineGraph graph = graph_of(survey.file, survey.story.state, survey.standing());
  EXPECT_TRUE(has_edge(graph, "images.csv", "image"));
  EXPECT_TRUE(has_edge(graph, "image", "reduce"));
  EXPECT_TRUE(has_edge(graph, "reduce", "reduced"));
  EXPECT_TRUE(has_edge(graph, "reduced", "stack"));
  EXPECT_EQ(graph.edges.size(), 4U);
  EXPECT_TRUE(vertex(graph, "stack").has_failed);
  EXPECT_TRUE(vertex(graph, "reduce").is_running);
  EXPECT_EQ(vertex(graph, "reduce").note, "3 completed, 1 running");
}

/// What every layout must hold: edges go down, boxes of a layer do not touch, ends of edges lie on the borders.
void check_layout(const PipelineGraph& graph) {
  for (const auto& edge : graph.edges) {
    const auto &from = graph.vertices[edge.from], &to = graph.vertices[edge.to];
    EXPECT_TRUE(edge.is_back || from.y + 0.5 * from.height < to.y - 0.5 * to.height) << from.name << " to " << to.name;
    EXPECT_NEAR(edge.points.front().first, from.x, 1e-9);
    EXPECT_NEAR(std::abs(edge.points.front().second - from.y), 0.5 * from.height, 1e-9);
    EXPECT_NEAR(std::abs(edge.points.back().second - to.y), 0.5 * to.height, 1e-9);
  }
  for (std::size_t i = 0; i < graph.vertices.size(); ++i) {
    const auto& a = graph.vertices[i];
    EXPECT_GE(a.x - 0.5 * a.width, 0.0);
    EXPECT_LE(a.x + 0.5 * a.width, graph.width);
    for (std::size_t j = 0; j < i; ++j) {
      const auto& b = graph.vertices[j];
      const bool is_apart = std::abs(a.x - b.x) >= 0.5 * (a.width + b.width) || std::abs(a.y - b.y) >= 0.5 * (a.height + b.height);
      EXPECT_TRUE(is_apart) << a.name << " lies on " << b.name;
    }
  }
}

TEST(PipelineGraph, IsLaidOutInLayersWithoutOverlap) {
  std::vector<Node> nodes = {step("spec"),
                             step("match", "spec"),
                             step("train", "match"),
                             step("photoz", "train"),
                             step("validate", "train"),
                             step("sky-map", "photoz"),
                             task("plot", "@photoz"),
                             task("mail", "plotted", "*")};
  nodes[4].on.push_back({"@spec", Trigger::all, "*"});
  nodes[6].emits = {"plotted"};
  PipelineGraph graph = graph_of(file_with(nodes), {}, {});
  lay_out(graph);
  check_layout(graph);
  EXPECT_TRUE(has_edge(graph, "spec", "validate"));
  EXPECT_TRUE(has_edge(graph, "plotted", "mail"));
}

TEST(PipelineGraph, WithACircleOfEventsIsLaidOutToo) {
  std::vector<Node> nodes = {task("refine", "guess"), task("judge", "refined")};
  nodes[0].emits = {"refined"};
  nodes[1].emits = {"guess"};
  PipelineGraph graph = graph_of(file_with(nodes), {}, {});
  lay_out(graph);
  check_layout(graph);
  EXPECT_EQ(std::count_if(graph.edges.begin(), graph.edges.end(), [](const auto& edge) { return edge.is_back; }), 1);
}

TEST(PipelineGraph, OrdersLayersSoThatNoEdgesCrossWhereNoneMust) {
  // Three chains, given out so that names and order of the file would cross them.
  std::vector<Node> nodes;
  for (const char* name : {"a", "b", "c"}) nodes.push_back(step(name));
  for (const char* name : {"c", "a", "b"}) nodes.push_back(step(std::string(name) + "2", name));
  PipelineGraph graph = graph_of(file_with(nodes), {}, {});
  lay_out(graph);
  check_layout(graph);
  for (const auto& one : graph.edges)
    for (const auto& two : graph.edges) {
      const auto y = [&](const auto& edge) { return graph.vertices[edge.from].y; };
      if (y(one) != y(two) || one.from == two.from || one.to == two.to) continue;
      const double above = graph.vertices[one.from].x - graph.vertices[two.from].x,
                   below = graph.vertices[one.to].x - graph.vertices[two.to].x;
      EXPECT_GT(above * below, 0.0);
    }
}

TEST(PipelineGraph, InDotHasEveryVertexAndEdgeWithNamesQuoted) {
  std::vector<Node> nodes = {step("spec"), step("train", "spec")};
  PipelineFile file = file_with(nodes);
  file.targets = "a \"b\"\\.csv";
  const PipelineGraph graph = graph_of(file, {}, {});
  const std::string dot = dot_of(graph);
  EXPECT_EQ(count_of(dot, " [label=") - count_of(dot, " -> "), std::ssize(graph.vertices) - std::ssize(graph.edges) + 1);
  EXPECT_TRUE(contains(dot, "a \\\"b\\\"\\\\.csv"));
}

TEST(PipelineTimeline, GivesEveryAttemptALaneThatIsFree) {
  // Three at a time, in turns: the lanes are those of the moment with most attempts.
  Story story;
  PipelineFile file = file_with({task("t", "@start")});
  std::vector<double> begins, ends;
  for (int i = 0; i < 40; ++i) {
    const double begin = 1000.0 + 10.0 * i, wall = 11.0 + 7.0 * (i % 3);
    const auto job = story.job("t", {});
    story.state.apply(StartRecord{job, 1, begin, "w", "h"});
    EndRecord end;
    end.job = job;
    end.how = "completed";
    end.time_s = begin + wall;
    end.wall_s = wall;
    story.state.apply(end);
    begins.push_back(begin);
    ends.push_back(end.time_s);
  }
  std::int64_t most = 0;
  for (const double at : begins) {
    std::int64_t now = 0;
    for (std::size_t i = 0; i < begins.size(); ++i) now += begins[i] <= at && ends[i] > at;
    most = std::max(most, now);
  }
  const std::string svg = timeline_svg(file, story.state, standing_of(file, story.state, "", 0.0));
  EXPECT_EQ(count_of(svg, "text-anchor=\"end\""), most);
  EXPECT_EQ(count_of(svg, "<rect class=\"completed\""), 40);
}

TEST(PipelinePage, HasFailuresWithTheirLastLineAndLog) {
  const Survey survey;
  const std::string page = pipeline_page(survey.file, survey.story.state, survey.standing());
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(contains(page, "work/survey/log/stack.3.log"));
  EXPECT_TRUE(contains(page, "exit 2, &quot;no PSF star&quot;"));
  EXPECT_EQ(count_of(page, "<details"), count_of(page, "</details>"));
  EXPECT_TRUE(contains(page, "id=\"refresh\""));
  EXPECT_FALSE(contains(pipeline_page(survey.file, survey.story.state, survey.standing("")), "id=\"refresh\""));
}

TEST(PipelinePage, EscapesAllTextsAndLoadsNothing) {
  const std::string evil = "<img src=x onerror=alert(1)>\"'&</script><script>";
  Story story;
  story.session(evil);
  const auto job = story.job(evil, {story.root(evil, {{"k", evil}})}, {{"k", evil}});
  story.start(job, evil, evil);
  story.end(job, "failed", 1.0, {{0, 0, evil, {}}}, evil, 1);
  PipelineFile file = file_with({task(evil, evil)});
  file.name = file.path = file.targets = evil;
  const std::string page = pipeline_page(file, story.state, standing_of(file, story.state, evil, 5000.0));
  EXPECT_FALSE(contains(page, "<img"));
  EXPECT_EQ(count_of(page, "<script>"), 1);
  EXPECT_TRUE(contains(page, "default-src 'none'"));
  for (const char* start : {"src=\"http", "href=\"http", "url(http", "@import"}) EXPECT_FALSE(contains(page, start));
}

TEST(PipelinePage, OfAPipelineThatHasNotBegunIsThere) {
  const PipelineFile file = file_with({});
  EXPECT_TRUE(contains(pipeline_page(file, {}, standing_of(file, {}, "", 0.0)), "not started"));
}

TEST(PipelinePage, StaysSmallAndSaysWhatItLeavesOut) {
  Story story;
  PipelineFile file = file_with({task("t", "image")});
  for (int i = 0; i < 20000; ++i) {
    const auto job = story.job("t", {story.root("image", {{"n", std::to_string(i)}})}, {{"n", std::to_string(i)}});
    story.start(job, "w" + std::to_string(i % 100));
    story.end(job, i % 10 == 0 ? "failed" : "completed", 1.0);
  }
  const std::string page = pipeline_page(file, story.state, standing_of(file, story.state, "", 0.0));
  EXPECT_LT(page.size(), 3'000'000U);
  EXPECT_TRUE(contains(page, "1,000 of 2,000 failures are shown"));
  EXPECT_TRUE(contains(page, "1,000 of 20,000 jobs are shown"));
  EXPECT_TRUE(contains(page, "36 more lanes are left out"));
  EXPECT_TRUE(contains(page, "... left out: "));
}

}  // namespace
}  // namespace skyfold::workflow
