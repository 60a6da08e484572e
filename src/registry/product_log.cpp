// The product log: one HTML file that needs no other, no script and no network, with everything that a run told of itself. All
// texts are escaped: names of files and columns may hold anything.
#include "product_log.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/registry/html_page.hpp"

namespace skyfold {
namespace {

std::string base64(std::string_view bytes) {
  constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    // Of a last group of one or two bytes, two or three digits are real (RFC 4648, section 4).
    for (std::size_t k = 0; k < 4; ++k) text += i + k < bytes.size() + 1 ? digits[word >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

std::string text_html(const std::string& text) {
  return text.find('\n') == std::string::npos ? fmt::format("<p>{}</p>\n", html_text(text))
                                              : fmt::format("<pre>{}</pre>\n", html_text(text));
}

std::string figure_html(const Plot& plot, const std::string& svg) {
  if (svg.empty())
    return fmt::format("<div class=\"missing\">{}: not drawn. Install gnuplot (Debian: gnuplot-nox) and run the command again.</div>\n",
                       html_text(plot.title));
  // An image, not SVG within the page: scripts and styles in it, whatever gnuplot wrote, have no effect there.
  return fmt::format("<figure><img id=\"{}\" alt=\"{}: {} against {}\" src=\"data:image/svg+xml;base64,{}\"></figure>\n",
                     html_text(plot.name), html_text(plot.title), html_text(plot.y_label), html_text(plot.x_label), base64(svg));
}

std::string summary_html(const LogContent& log) {
  const ProcessRecord& p = log.process;
  std::vector<std::pair<std::string, std::string>> lines = p.facts;
  const std::pair<std::string, std::string> about[] = {{"state", p.state},
                                                       {"exit code", std::to_string(p.exit_code)},
                                                       {"start (UTC)", utc_text(p.start_s)},
                                                       {"end (UTC)", utc_text(p.end_s)},
                                                       {"wall time", fmt::format("{:.2f} s", p.end_s - p.start_s)},
                                                       {"host", p.host},
                                                       {"user", p.user},
                                                       {"ranks x threads", fmt::format("{} x {}", p.ranks, p.threads)},
                                                       {"seed", std::to_string(p.seed)},
                                                       {"program", "skyfold " + p.version},
                                                       {"build", p.build}};
  lines.insert(lines.end(), std::begin(about), std::end(about));
  std::string html = "<div class=\"wide\"><table>\n";
  // The command's own facts come first: they are what the page is opened for.
  for (const auto& [name, value] : lines) html += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", html_text(name), html_text(value));
  return html + "</table></div>\n";
}

std::string hash_cell(const std::string& hash) { return fmt::format("<td class=\"hash\">{}</td>", hash.empty() ? "-" : html_text(hash)); }

std::string provenance_html(const LogContent& log) {
  std::string html =
      "<h2>Products</h2>\n<div class=\"wide\"><table><tr><th>path</th><th>class</th><th>rows</th><th>bytes</th><th>content "
      "hash</th><th>file "
      "hash</th></tr>\n";
  for (const ProductRecord& product : log.products)
    html += fmt::format("<tr><td class=\"path\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}{}</tr>\n",
                        html_text(product.path), html_text(product.product_class), grouped(product.rows), grouped(product.bytes),
                        hash_cell(product.content_hash), hash_cell(product.file_hash));
  html +=
      "</table></div>\n<h2>Inputs</h2>\n<div class=\"wide\"><table><tr><th>path</th><th>class</th><th>content hash</th><th>file "
      "hash</th></tr>\n";
  for (const InputRecord& input : log.inputs)
    html += fmt::format("<tr><td class=\"path\">{}</td><td>{}</td>{}{}</tr>\n", html_text(input.path),
                        html_text(input.product_class.empty() ? "-" : input.product_class), hash_cell(input.content_hash),
                        hash_cell(input.file_hash));
  html += "</table></div>\n<h2>Where the inputs come from</h2>\n";
  return html + (log.lineage.empty() ? "<p>No product of this project is among them.</p>\n"
                                     : fmt::format("<pre>{}</pre>\n", html_text(join(log.lineage, "\n"))));
}

/// Tabs in the order of their first entry, those that every log has at their places.
class Tabs {
 public:
  void add(const std::string& name, const std::string& html) {
    const auto found = std::find_if(tabs_.begin(), tabs_.end(), [&](const auto& tab) { return tab.first == name; });
    if (found != tabs_.end())
      found->second += html;
    else
      tabs_.emplace_back(name, html);
  }

  [[nodiscard]] std::string html() const {
    std::string heads, panels, rules;
    for (std::size_t i = 0; i < tabs_.size(); ++i) {
      heads += fmt::format("<input type=\"radio\" name=\"tab\" id=\"tab{0}\"{1}><label for=\"tab{0}\">{2}</label>\n", i,
                           i == 0 ? " checked" : "", html_text(tabs_[i].first));
      panels += fmt::format("<section class=\"panel\" id=\"panel{}\">\n<h1 class=\"tab\">{}</h1>\n{}</section>\n", i,
                            html_text(tabs_[i].first), tabs_[i].second);
      // Tabs without a script: each radio button's state shows its panel by a rule of CSS. With styles off all panels are there.
      rules += fmt::format(
          "#tab{0}:checked ~ .panels #panel{0} {{ display: block; }} #tab{0}:checked + label {{ border-bottom-color: var(--back); "
          "background: "
          "var(--back); font-weight: 600; }}\n",
          i);
    }
    return fmt::format("<style>\n{}</style>\n<div class=\"tabs\">\n{}<div class=\"panels\">\n{}</div></div>\n", rules, heads, panels);
  }

 private:
  std::vector<std::pair<std::string, std::string>> tabs_;
};

/// Entries of one tab; plots that follow one another share a grid.
std::string entries_html(const std::vector<LogEntry>& entries, const std::string& tab, const std::map<const Plot*, std::string>& pictures) {
  std::string html;
  bool in_grid = false;
  for (const LogEntry& entry : entries) {
    if (entry.tab != tab) continue;
    const Plot* plot = std::get_if<Plot>(&entry.content);
    if (plot && !in_grid) html += "<div class=\"plots\">\n";
    // A table between two plots ends the grid, so that the page keeps the order in which the command told things.
    if (!plot && in_grid) html += "</div>\n";
    in_grid = plot != nullptr;
    if (plot)
      html += figure_html(*plot, pictures.at(plot));
    else if (const auto* table = std::get_if<LogTable>(&entry.content))
      html += html_table(*table);
    else
      html += text_html(std::get<std::string>(entry.content));
  }
  return in_grid ? html + "</div>\n" : html;
}

}  // namespace

std::string product_log_html(const LogContent& log) {
  std::vector<const Plot*> plots;
  for (const LogEntry& entry : log.entries)
    if (const Plot* plot = std::get_if<Plot>(&entry.content)) plots.push_back(plot);
  const std::vector<std::string> drawn = draw_plots(plots);
  std::map<const Plot*, std::string> pictures;
  for (std::size_t i = 0; i < plots.size(); ++i) pictures[plots[i]] = drawn[i];

  std::vector<std::string> names;
  for (const LogEntry& entry : log.entries)
    // Timing has its place near the end, whenever it was told.
    if (entry.tab != "timing" && std::find(names.begin(), names.end(), entry.tab) == names.end()) names.push_back(entry.tab);
  Tabs tabs;
  tabs.add("summary", summary_html(log));
  for (const std::string& name : names) tabs.add(name, entries_html(log.entries, name, pictures));
  tabs.add("configuration", fmt::format("<pre>{}</pre>\n<p class=\"sub\">Paths are relative to {}.</p>\n",
                                        html_text(log.process.configuration), html_text(log.process.folder)));
  tabs.add("inputs and provenance", provenance_html(log));
  const std::string timing = entries_html(log.entries, "timing", pictures);
  tabs.add("timing", timing.empty() ? fmt::format("<p>Wall time {:.2f} s on {} thread{}.</p>\n", log.process.end_s - log.process.start_s,
                                                  log.process.threads, log.process.threads == 1 ? "" : "s")
                                    : timing);
  tabs.add("log",
           log.lines.empty() ? "<p>The process said nothing.</p>\n" : fmt::format("<pre>{}</pre>\n", html_text(join(log.lines, "\n"))));
  // The title tells what the page is about to someone who finds it years later, without its folder.
  const std::string name = log.products.empty() ? "" : std::filesystem::path(log.products[0].path).filename().string();
  return html_page(fmt::format("skyfold {}: {}", log.process.command, name),
                   fmt::format("{} at {} UTC on {}", log.process.state, utc_text(log.process.end_s), log.process.host), tabs.html());
}

bool is_product_log(const std::string& path) {
  std::string start(std::strlen(html_page_start), '\0');
  // By content and not by name: only what this program wrote may be replaced or removed.
  return std::filesystem::is_regular_file(path) &&
         File::for_reading(path).read_some(0, std::as_writable_bytes(std::span(start))) == start.size() && start == html_page_start;
}

}  // namespace skyfold
