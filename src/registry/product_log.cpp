// The product log: one HTML file that needs no other, no script and no network, with everything that a run told of itself. All
// texts are escaped: names of files and columns may hold anything.
#include "product_log.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <map>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// The first bytes of every log, by which it is known.
constexpr const char* log_start = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta name=\"generator\" content=\"skyfold\">";

constexpr const char* style = R"(
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5c6570; --line: #d5dae0; --back: #ffffff; --card: #f5f7f9; --accent: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --faint: #a3adb8; --line: #3a424b; --back: #14181c; --card: #1d2329; --accent: #7fb5f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 1400px; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
.sub { color: var(--faint); margin: 0 0 1rem; }
.tabs > input { position: absolute; opacity: 0; }
.tabs > label { display: inline-block; padding: .45rem .8rem; border: 1px solid var(--line); border-radius: .4rem .4rem 0 0; cursor: pointer; margin: 0 .15rem -1px 0; background: var(--card); }
.tabs > input:focus-visible + label { outline: 2px solid var(--accent); }
.panels { border-top: 1px solid var(--line); padding-top: .5rem; }
.panel { display: none; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; } th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--faint); font-weight: 600; } th.n { text-align: right; } td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.hash { font-family: ui-monospace, monospace; font-size: .85rem; } td.path { overflow-wrap: anywhere; min-width: 9rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 1rem; margin-top: .8rem; }
figure { margin: 0; border: 1px solid var(--line); border-radius: .4rem; background: #ffffff; } figure img { width: 100%; height: auto; display: block; border-radius: .4rem; }
.missing { padding: 1rem; color: var(--faint); background: var(--card); border-radius: .4rem; }
.bad { color: #c62828; font-weight: 600; } .good { color: #2e7d32; font-weight: 600; }
@media (prefers-color-scheme: dark) { .bad { color: #ff8a80; } .good { color: #81c784; } }
@media print { .tabs > label { display: none; } .panel { display: block !important; } figure, tr { break-inside: avoid; } h1.tab { display: block; } }
.panel > h1.tab { display: none; font-size: 1.2rem; } @media print { .panel > h1.tab { display: block; } }
)";

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

/// "10,225", "-0.012 +- 0.003", "61 %": set to the right.
// By its characters alone: cells come as texts, ready for people, and a wrong guess costs only the side they stand on.
bool is_numeric(const std::string& cell) {
  const bool has_digit = std::any_of(cell.begin(), cell.end(), [](unsigned char c) { return std::isdigit(c); });
  return has_digit && cell.find_first_not_of("0123456789.,+-eE %±") == std::string::npos;
}

/// Whether a column holds nothing but numbers.
bool is_numeric(const LogTable& table, std::size_t column) {
  const auto holds_number = [&](const auto& row) {
    // Cells without a value do not make a column of numbers one of words.
    return column >= row.size() || row[column].empty() || row[column] == "-" || is_numeric(row[column]);
  };
  return !table.rows.empty() && std::all_of(table.rows.begin(), table.rows.end(), holds_number);
}

const char* class_of_cell(const std::string& cell, bool is_number) {
  // The words that validate writes for its limits; in colour they are found in a long table.
  const std::string text = lower(cell);
  if (text == "fail" || text.ends_with(" fail")) return " class=\"bad\"";
  if (text == "pass" || text.ends_with(" pass")) return " class=\"good\"";
  return is_number ? " class=\"n\"" : "";
}

std::string table_html(const LogTable& table) {
  std::vector<bool> numeric;
  std::string html = table.title.empty() ? "" : fmt::format("<h2>{}</h2>\n", html_text(table.title));
  html += "<div class=\"wide\"><table>\n<tr>";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    numeric.push_back(is_numeric(table, i));
    html += fmt::format("<th{}>{}</th>", numeric[i] ? " class=\"n\"" : "", html_text(table.columns[i]));
  }
  html += "</tr>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      html += fmt::format("<td{}>{}</td>", class_of_cell(row[i], i < numeric.size() && numeric[i]), html_text(row[i]));
    html += "</tr>\n";
  }
  html += "</table></div>\n";
  return table.note.empty() ? html : html + fmt::format("<p class=\"sub\">{}</p>\n", html_text(table.note));
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
      html += table_html(*table);
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
  return fmt::format(
      "{7}<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>skyfold {0}: {1}</title>\n<style>{2}</style></head>\n<body>\n<h1>skyfold {0}: {1}</h1>\n"
      "<p class=\"sub\">{3} at {4} UTC on {5}</p>\n{6}</body></html>\n",
      html_text(log.process.command), html_text(name), style, html_text(log.process.state), utc_text(log.process.end_s),
      html_text(log.process.host), tabs.html(), log_start);
}

bool is_product_log(const std::string& path) {
  std::string start(std::strlen(log_start), '\0');
  // By content and not by name: only what this program wrote may be replaced or removed.
  return std::filesystem::is_regular_file(path) &&
         File::for_reading(path).read_some(0, std::as_writable_bytes(std::span(start))) == start.size() && start == log_start;
}

}  // namespace skyfold
