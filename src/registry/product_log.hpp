#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "skyfold/registry/process.hpp"
#include "skyfold/registry/registry.hpp"

namespace skyfold {

/// Something on a tab of a product log.
struct LogEntry {
  std::string tab;
  std::variant<std::string, LogTable, Plot> content;
};

/// All that a product log shows.
struct LogContent {
  ProcessRecord process;
  std::vector<InputRecord> inputs;
  std::vector<ProductRecord> products;
  std::vector<std::string> lineage;  ///< lines of the tree of the inputs
  std::vector<std::string> lines;    ///< what the process said
  std::vector<LogEntry> entries;
};

/// The log as one HTML file that needs neither server, network nor scripts. Plots are drawn by gnuplot; without it their
/// places say so.
[[nodiscard]] std::string product_log_html(const LogContent& log);

/// SVG pictures of plots, drawn in one go; an empty text for one that could not be drawn.
[[nodiscard]] std::vector<std::string> draw_plots(const std::vector<const Plot*>& plots);

}  // namespace skyfold
