// The graph of a pipeline: what its file and its journal tell of who starts whom, and its places in a picture.
#include "skyfold/workflow/graph.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::workflow {
namespace {

using Vertex = PipelineGraph::Vertex;
using Edge = PipelineGraph::Edge;

// Of a letter of 13 px in any sans serif, on the wide side.
constexpr double letter_px = 7.4, line_px = 18.0, padding_px = 12.0, gap_x = 28.0, gap_y = 46.0, label_px = 17.0, margin_px = 16.0;
constexpr int sweeps = 12;
constexpr std::size_t longest_label = 44;

std::string shortened(const std::string& text) {
  const std::string line = one_line(text);
  if (line.size() <= longest_label) return line;
  std::size_t end = longest_label - 3;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return line.substr(0, end) + "...";
}

/// Classes of events that each node has given out, or says that it may; "" is the outside.
std::map<std::string, std::set<std::string>> givers_of_classes(const PipelineFile& file, const PipelineState& state) {
  std::map<std::string, std::set<std::string>> givers;
  for (const Node& node : file.nodes) {
    for (const std::string& name : node.emits) givers[name].insert(node.name);
    if (node.is_step) givers["@" + node.name].insert(node.name);
  }
  for (const auto& [id, event] : state.events()) {
    const std::int64_t parent = event.record.parent;
    givers[event.record.event_class].insert(parent == 0 ? "" : state.jobs().at(parent).record.node);
  }
  givers["@start"].insert("");
  return givers;
}

std::string label_of(const Trigger& trigger) {
  if (trigger.kind == Trigger::each) return "";
  return fmt::format("all of {}{}", trigger.group == "*" ? "the pipeline" : trigger.group,
                     trigger.kind == Trigger::ended ? " but failed" : "");
}

/// Builds the graph: vertices by name, each edge once.
class GraphMaker {
 public:
  GraphMaker(const PipelineFile& file, const PipelineState& state, const Standing& standing)
      : file_(file), givers_(givers_of_classes(file, state)) {
    const auto counts = count_nodes(file, state, standing);
    for (const Node& node : file.nodes) add_node(node, counts.at(node.name));
    for (const Node& node : file.nodes)
      for (const Trigger& trigger : node.on) add_trigger(node, trigger);
    for (const auto& [event_class, nodes] : givers_)
      // Of those that nobody waits for, too: they are what a pipeline makes.
      if (!event_class.starts_with("@")) add_class(event_class);
  }
  [[nodiscard]] PipelineGraph take() { return std::move(graph_); }

 private:
  std::size_t vertex(Vertex::Kind kind, const std::string& name) {
    const auto [place, is_new] = places_.emplace(std::pair{kind, name}, graph_.vertices.size());
    if (is_new) graph_.vertices.push_back({kind, name, ""});
    return place->second;
  }
  void add_node(const Node& node, const NodeCounts& counts) {
    Vertex& added = graph_.vertices[vertex(node.is_step ? Vertex::step : Vertex::task, node.name)];
    const Counts& c = counts.counts;
    if (counts.jobs > 0 || c.blocked > 0 || counts.waiting > 0) added.note = counts_text(counts);
    added.has_failed = c.failed + c.quarantined + c.blocked > 0;
    added.is_running = c.running > 0;
    added.is_done = counts.jobs > 0 && c.completed + c.current + c.skipped == counts.jobs && counts.waiting == 0;
  }
  std::size_t node_vertex(const std::string& name) {
    const Node* node = file_.node(name);
    return vertex(!node || !node->is_step ? Vertex::task : Vertex::step, name);
  }
  std::size_t roots() {
    const bool is_beside = !file_.folder.empty() && file_.targets.starts_with(file_.folder + "/");
    return vertex(Vertex::targets, file_.targets.empty() ? "start" : file_.targets.substr(is_beside ? file_.folder.size() + 1 : 0));
  }
  void connect(std::size_t from, std::size_t to, const std::string& label) {
    if (known_.emplace(from, to).second) graph_.edges.push_back({from, to, label, false, {}});
  }
  void add_class(const std::string& event_class) {
    const std::size_t place = vertex(Vertex::event, event_class);
    for (const std::string& giver : givers_[event_class]) connect(giver.empty() ? roots() : node_vertex(giver), place, "");
  }
  void add_trigger(const Node& node, const Trigger& trigger) {
    const std::size_t to = node_vertex(node.name);
    if (trigger.event_class == "@start") return connect(roots(), to, label_of(trigger));
    if (trigger.event_class.starts_with("@")) return connect(node_vertex(trigger.event_class.substr(1)), to, label_of(trigger));
    add_class(trigger.event_class);
    connect(vertex(Vertex::event, trigger.event_class), to, label_of(trigger));
  }

  const PipelineFile& file_;
  std::map<std::string, std::set<std::string>> givers_;
  std::map<std::pair<Vertex::Kind, std::string>, std::size_t> places_;
  std::set<std::pair<std::size_t, std::size_t>> known_;
  PipelineGraph graph_;
};

/// The layers of a picture: real vertices first in number, then dummies where edges pass layers.
class Layers {
 public:
  explicit Layers(PipelineGraph& graph) : graph_(graph) {
    mark_back_edges();
    set_layers();
    add_dummies();
    order();
    place();
  }

 private:
  /// Ends of an edge in the order of the layers.
  [[nodiscard]] static std::size_t upper(const Edge& edge) { return edge.is_back ? edge.to : edge.from; }
  [[nodiscard]] static std::size_t lower(const Edge& edge) { return edge.is_back ? edge.from : edge.to; }

  /// Edges that close a circle, found by walking in depth (with a stack of its own).
  void mark_back_edges() {
    std::vector<int> colour(graph_.vertices.size(), 0);
    for (std::size_t start = 0; start < colour.size(); ++start) {
      if (colour[start] != 0) continue;
      std::vector<std::pair<std::size_t, std::size_t>> stack = {{start, 0}};
      colour[start] = 1;
      while (!stack.empty()) {
        auto& [vertex, next] = stack.back();
        if (next == graph_.edges.size()) {
          colour[vertex] = 2;
          stack.pop_back();
          continue;
        }
        Edge& edge = graph_.edges[next++];
        if (edge.from != vertex) continue;
        if (colour[edge.to] == 1) edge.is_back = true;
        if (colour[edge.to] != 0) continue;
        colour[edge.to] = 1;
        stack.emplace_back(edge.to, 0);
      }
    }
  }

  void set_layers() {
    layer_of_.assign(graph_.vertices.size(), 0);
    for (std::size_t round = 0; round < graph_.vertices.size(); ++round) {
      bool has_changed = false;
      for (const Edge& edge : graph_.edges) {
        if (edge.from == edge.to || layer_of_[lower(edge)] > layer_of_[upper(edge)]) continue;
        layer_of_[lower(edge)] = layer_of_[upper(edge)] + 1;
        has_changed = true;
      }
      if (!has_changed) break;
    }
  }

  void add_dummies() {
    for (Edge& edge : graph_.edges) {
      std::vector<std::size_t> path = {upper(edge)};
      for (int layer = layer_of_[upper(edge)] + 1; layer < layer_of_[lower(edge)]; ++layer) {
        path.push_back(layer_of_.size());
        layer_of_.push_back(layer);
      }
      path.push_back(lower(edge));
      paths_.push_back(path);
    }
    neighbours_.resize(layer_of_.size());
    for (const auto& path : paths_)
      for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        neighbours_[path[i]].push_back(path[i + 1]);
        neighbours_[path[i + 1]].push_back(path[i]);
      }
    layers_.resize(static_cast<std::size_t>(*std::max_element(layer_of_.begin(), layer_of_.end())) + 1);
    for (std::size_t i = 0; i < layer_of_.size(); ++i) layers_[static_cast<std::size_t>(layer_of_[i])].push_back(i);
  }

  /// Sorts each layer by the mean place of the neighbours in the layer before, down and up in turns; keeps the order with fewest crossings.
  void order() {
    std::vector<double> place(layer_of_.size());
    const auto number = [&] {
      for (const auto& layer : layers_)
        for (std::size_t i = 0; i < layer.size(); ++i) place[layer[i]] = static_cast<double>(i);
    };
    number();
    auto best = layers_;
    std::int64_t fewest = crossings(place);
    for (int sweep = 0; sweep < sweeps && fewest > 0; ++sweep) {
      for (std::size_t i = 1; i < layers_.size(); ++i) {
        const std::size_t at = sweep % 2 == 0 ? i : layers_.size() - 1 - i;
        const int beside = layer_of_[layers_[at].front()] + (sweep % 2 == 0 ? -1 : 1);
        std::vector<double> centre(layer_of_.size());
        for (const std::size_t v : layers_[at]) centre[v] = mean_place(v, beside, place);
        std::stable_sort(layers_[at].begin(), layers_[at].end(), [&](std::size_t a, std::size_t b) { return centre[a] < centre[b]; });
        number();
      }
      if (const std::int64_t now = crossings(place); now < fewest) {
        fewest = now;
        best = layers_;
      }
    }
    layers_ = best;
  }

  [[nodiscard]] double mean_place(std::size_t vertex, int layer, const std::vector<double>& place) const {
    double sum = 0.0, count = 0.0;
    for (const std::size_t other : neighbours_[vertex])
      if (layer_of_[other] == layer) {
        sum += place[other];
        ++count;
      }
    return count > 0.0 ? sum / count : place[vertex];
  }

  [[nodiscard]] std::int64_t crossings(const std::vector<double>& place) const {
    std::int64_t count = 0;
    for (const auto& layer : layers_) {
      std::vector<std::pair<double, double>> edges;
      for (const std::size_t v : layer)
        for (const std::size_t other : neighbours_[v])
          if (layer_of_[other] == layer_of_[v] + 1) edges.emplace_back(place[v], place[other]);
      for (std::size_t i = 0; i < edges.size(); ++i)
        for (std::size_t j = i + 1; j < edges.size(); ++j)
          count += (edges[i].first - edges[j].first) * (edges[i].second - edges[j].second) < 0.0;
    }
    return count;
  }

  [[nodiscard]] double width_of(std::size_t i) const { return i < graph_.vertices.size() ? graph_.vertices[i].width : 10.0; }

  /// Boxes, layers below one another, and within a layer as near to the mean of their neighbours as those beside them allow.
  void place() {
    for (Vertex& v : graph_.vertices) {
      const double letters = static_cast<double>(std::max(shortened(v.name).size(), shortened(v.note).size()));
      v.width = std::max(70.0, letters * letter_px + 2.0 * padding_px);
      v.height = (v.note.empty() ? 1.0 : 2.0) * line_px + padding_px;
    }
    x_.assign(layer_of_.size(), 0.0);
    for (const auto& layer : layers_) pack(layer);
    for (int sweep = 0; sweep < sweeps; ++sweep)
      for (std::size_t i = 0; i < layers_.size(); ++i) straighten(layers_[sweep % 2 == 0 ? i : layers_.size() - 1 - i]);
    set_coordinates();
  }

  void pack(const std::vector<std::size_t>& layer) {
    double at = 0.0;
    for (const std::size_t v : layer) {
      x_[v] = at + 0.5 * width_of(v);
      at += width_of(v) + gap_x;
    }
    for (const std::size_t v : layer) x_[v] -= 0.5 * at;
  }

  /// Wishes, first from the left and then from the right; the mean of both keeps the order and the distances.
  void straighten(const std::vector<std::size_t>& layer) {
    std::vector<double> left(layer.size()), right(layer.size());
    const auto wish = [&](std::size_t v) {
      double sum = 0.0;
      for (const std::size_t other : neighbours_[v]) sum += x_[other];
      return neighbours_[v].empty() ? x_[v] : sum / static_cast<double>(neighbours_[v].size());
    };
    const auto distance = [&](std::size_t i) { return 0.5 * (width_of(layer[i]) + width_of(layer[i + 1])) + gap_x; };
    for (std::size_t i = 0; i < layer.size(); ++i)
      left[i] = i == 0 ? wish(layer[i]) : std::max(wish(layer[i]), left[i - 1] + distance(i - 1));
    for (std::size_t i = layer.size(); i-- > 0;)
      right[i] = i + 1 == layer.size() ? wish(layer[i]) : std::min(wish(layer[i]), right[i + 1] - distance(i));
    for (std::size_t i = 0; i < layer.size(); ++i) x_[layer[i]] = 0.5 * (left[i] + right[i]);
  }

  void set_coordinates() {
    double left = 0.0, right = 0.0;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      left = i == 0 ? x_[i] - 0.5 * width_of(i) : std::min(left, x_[i] - 0.5 * width_of(i));
      right = i == 0 ? x_[i] + 0.5 * width_of(i) : std::max(right, x_[i] + 0.5 * width_of(i));
    }
    std::vector<double> middle;
    double y = margin_px;
    for (const auto& layer : layers_) {
      double height = 0.0;
      for (const std::size_t v : layer)
        if (v < graph_.vertices.size()) height = std::max(height, graph_.vertices[v].height);
      middle.push_back(y + 0.5 * height);
      y += height + gap_y;
    }
    for (double& x : x_) x += margin_px - left;
    graph_.width = right - left + 2.0 * margin_px;
    graph_.height = y - gap_y + margin_px;
    for (std::size_t i = 0; i < graph_.vertices.size(); ++i) {
      graph_.vertices[i].x = x_[i];
      graph_.vertices[i].y = middle[static_cast<std::size_t>(layer_of_[i])];
    }
    for (std::size_t e = 0; e < paths_.size(); ++e) draw(paths_[e], middle, graph_.edges[e]);
  }

  void draw(const std::vector<std::size_t>& path, const std::vector<double>& middle, Edge& edge) const {
    for (const std::size_t i : path) edge.points.emplace_back(x_[i], middle[static_cast<std::size_t>(layer_of_[i])]);
    edge.points.front().second += 0.5 * graph_.vertices[path.front()].height;
    edge.points.back().second -= 0.5 * graph_.vertices[path.back()].height;
    if (edge.is_back) std::reverse(edge.points.begin(), edge.points.end());
  }

  PipelineGraph& graph_;
  std::vector<int> layer_of_;
  std::vector<std::vector<std::size_t>> layers_, neighbours_, paths_;
  std::vector<double> x_;
};

// Colours by Okabe and Ito, told apart by most who see colours otherwise; the words say the same.
constexpr const char* graph_style = R"(
.pg text { font: 13px system-ui, sans-serif; fill: currentColor; text-anchor: middle; dominant-baseline: central; }
.pg .small { font-size: 11.5px; } .pg .box { fill: none; stroke: currentColor; stroke-width: 1.3; }
.pg .event { stroke-dasharray: 4 3; } .pg .edge { fill: none; stroke: currentColor; stroke-width: 1.1; opacity: .75; }
.pg .done { fill: #0072b2; fill-opacity: .18; } .pg .running { fill: #56b4e9; fill-opacity: .3; stroke-width: 2.2; } .pg .failed { fill: #d55e00; fill-opacity: .25; stroke: #d55e00; stroke-width: 2.6; }
)";

std::string shape_of(const Vertex& v) {
  const char* look = v.has_failed ? " failed" : v.is_running ? " running" : v.is_done ? " done" : "";
  const double left = v.x - 0.5 * v.width, top = v.y - 0.5 * v.height;
  if (v.kind == Vertex::event)
    return fmt::format("<ellipse class=\"box event{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" rx=\"{:.1f}\" ry=\"{:.1f}\"/>", look, v.x, v.y,
                       0.5 * v.width, 0.5 * v.height);
  // Steps have corners, tasks are round, root events rounder.
  const double round = v.kind == Vertex::step ? 0.0 : v.kind == Vertex::task ? 9.0 : 0.5 * v.height;
  return fmt::format("<rect class=\"box{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"{:.1f}\"/>", look, left, top,
                     v.width, v.height, round);
}

const char* word_of(Vertex::Kind kind) {
  switch (kind) {
    case Vertex::targets:
      return "root events";
    case Vertex::event:
      return "event";
    case Vertex::step:
      return "step";
    case Vertex::task:
      return "task";
  }
  return "";
}

std::string vertex_svg(const Vertex& v) {
  std::string svg = fmt::format("<g><title>{} {}{}{}</title>{}", word_of(v.kind), html_text(v.name), v.note.empty() ? "" : ": ",
                                html_text(v.note), shape_of(v));
  const double shift = v.note.empty() ? 0.0 : 0.5 * line_px;
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", v.x, v.y - shift, html_text(shortened(v.name)));
  if (!v.note.empty())
    svg += fmt::format("<text class=\"small\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", v.x, v.y + shift, html_text(shortened(v.note)));
  return svg + "</g>\n";
}

std::string edge_svg(const Edge& edge) {
  const auto& p = edge.points;
  std::string path = fmt::format("M{:.1f} {:.1f}", p[0].first, p[0].second);
  for (std::size_t i = 1; i < p.size(); ++i) {
    const double half = 0.5 * (p[i].second - p[i - 1].second);
    // Vertical at both ends, so that it leaves and enters a layer straight.
    path += fmt::format(" C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", p[i - 1].first, p[i - 1].second + half, p[i].first,
                        p[i].second - half, p[i].first, p[i].second);
  }
  std::string svg = fmt::format("<path class=\"edge\" marker-end=\"url(#pg-arrow)\" d=\"{}\"/>\n", path);
  if (!edge.label.empty())
    svg += fmt::format("<text class=\"small\" style=\"text-anchor:start\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", p.back().first + 8.0,
                       p.back().second - label_px, html_text(shortened(edge.label)));
  return svg;
}

}  // namespace

PipelineGraph graph_of(const PipelineFile& file, const PipelineState& state, const Standing& standing) {
  return GraphMaker(file, state, standing).take();
}

void lay_out(PipelineGraph& graph) {
  if (!graph.vertices.empty()) Layers{graph};
}

std::string svg_of(const PipelineGraph& graph) {
  double width = std::max(graph.width, 120.0);
  for (const Edge& edge : graph.edges)
    for (const auto& [x, y] : edge.points)
      if (!edge.label.empty()) width = std::max(width, x + 8.0 + static_cast<double>(shortened(edge.label).size()) * letter_px + margin_px);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "role=\"img\" "
      "aria-label=\"graph of the pipeline\">\n<style>{2}</style>\n<defs><marker id=\"pg-arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
      "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"currentColor\"/></marker></defs>\n",
      width, std::max(graph.height, 40.0), graph_style);
  for (const Edge& edge : graph.edges) svg += edge_svg(edge);
  for (const Vertex& v : graph.vertices) svg += vertex_svg(v);
  return svg + "</svg>\n";
}

std::string dot_of(const PipelineGraph& graph) {
  const auto quoted = [](const std::string& text) {
    std::string safe;
    for (const char c : one_line(text)) {
      if (c == '"' || c == '\\') safe += '\\';
      safe += c;
    }
    return safe;
  };
  std::string dot = "digraph pipeline {\n  node [fontname=\"sans-serif\"];\n";
  for (std::size_t i = 0; i < graph.vertices.size(); ++i) {
    const Vertex& v = graph.vertices[i];
    const char* shape = v.kind == Vertex::event  ? "shape=ellipse, style=dashed"
                        : v.kind == Vertex::step ? "shape=box"
                        : v.kind == Vertex::task ? "shape=box, style=rounded"
                                                 : "shape=oval";
    dot += fmt::format("  n{} [label=\"{}{}{}\", {}{}];\n", i, quoted(v.name), v.note.empty() ? "" : "\\n", quoted(v.note), shape,
                       v.has_failed   ? ", color=\"#d55e00\", penwidth=2.6"
                       : v.is_running ? ", penwidth=2.2"
                                      : "");
  }
  for (const Edge& edge : graph.edges)
    dot +=
        fmt::format("  n{} -> n{}{};\n", edge.from, edge.to, edge.label.empty() ? "" : fmt::format(" [label=\"{}\"]", quoted(edge.label)));
  return dot + "}\n";
}

}  // namespace skyfold::workflow
