#pragma once

#include <string>
#include <utility>
#include <vector>

#include "skyfold/workflow/file.hpp"
#include "skyfold/workflow/view.hpp"

namespace skyfold::workflow {

/// The nodes of a pipeline and what makes them run, to be drawn: root events, classes of events, steps and tasks.
struct PipelineGraph {
  struct Vertex {
    enum Kind { targets, event, step, task } kind{};
    std::string name, note;  ///< note: counts of states; "" for none
    bool has_failed = false, is_running = false, is_done = false;
    // Set by `lay_out`, in units of a picture's pixels.
    double x = 0.0, y = 0.0, width = 0.0, height = 0.0;  ///< centre and size
  };
  struct Edge {
    std::size_t from = 0, to = 0;
    std::string label;                              ///< "all of brick"; "" for each event
    bool is_back = false;                           ///< against the order, in a circle
    std::vector<std::pair<double, double>> points;  ///< set by `lay_out`: from one border to the other
  };
  std::vector<Vertex> vertices;
  std::vector<Edge> edges;
  double width = 0.0, height = 0.0;  ///< set by `lay_out`
};

/// Who gives out a class is known from `emits`, and from what the journal has.
[[nodiscard]] PipelineGraph graph_of(const PipelineFile& file, const PipelineState& state, const Standing& standing);
/// Gives places: layers from top to bottom, each vertex below those that lead to it, neighbours ordered so that few edges cross
/// (Sugiyama, Tagawa, Toda 1981, IEEE Trans. SMC 11, 109: layers by longest path, dummies on long edges, barycentres).
void lay_out(PipelineGraph& graph);
/// A picture, laid out; for a page of its own or within one.
[[nodiscard]] std::string svg_of(const PipelineGraph& graph);
/// For graphviz.
[[nodiscard]] std::string dot_of(const PipelineGraph& graph);

}  // namespace skyfold::workflow
