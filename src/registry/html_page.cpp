// What pages of this program have in common: how they begin, how they look, their tables. All texts are escaped: names of files and columns
// may hold anything.
#include "skyfold/registry/html_page.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

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

}  // namespace

std::string html_table(const LogTable& table) {
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

std::string html_page(const std::string& title, const std::string& sub, const std::string& body, const std::string& head) {
  return fmt::format(
      "{}<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{}</style>{}</head>\n<body>\n<h1>{}</h1>\n"
      "<p class=\"sub\">{}</p>\n{}</body></html>\n",
      html_page_start, html_text(title), style, head, html_text(title), html_text(sub), body);
}

}  // namespace skyfold
