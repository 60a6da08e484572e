// Words of headers: which are names, units or prose, numbered column lists, and kinds of tables that look like text but are not
// read as such (CDS, IPAC, HTML, LaTeX, JSON).
#include "source_text_names.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }

template <std::size_t N>
bool is_one_of(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_known_unit(const std::string& unit) {
  constexpr std::array<std::string_view, 38> units = {
      "deg",  "degree", "degrees", "arcsec", "arcmin", "mas",   "rad", "h",   "hour",  "h:m:s",    "d:m:s", "mag", "mag(ab)",
      "dex",  "jy",     "mjy",     "ujy",    "njy",    "count", "ct",  "pix", "pixel", "pixels",   "pc",    "kpc", "mpc",
      "km/s", "mas/yr", "yr",      "day",    "d",      "s",     "k",   "nm",  "um",    "angstrom", "erg/s", "mmag"};
  return is_one_of(lower(unit), units);
}

/// A comment line `N NAME rest`, `N: NAME rest`, `(N) NAME`, `col N = NAME`.
struct NumberedLine {
  std::size_t number = 0;
  std::string name;
  std::string_view rest;
};

std::optional<NumberedLine> numbered_line(std::string_view line) {
  line = trim(line);
  for (const std::string_view word : {"column", "Column", "COLUMN", "col", "Col", "COL"})
    if (line.starts_with(word)) {
      line = trim(line.substr(word.size()));
      break;
    }
  // "# 1 NAME", "# column 1: NAME", "#(1) NAME", "# col1 = NAME": all of these are in use.
  if (line.starts_with('(')) line.remove_prefix(1);
  NumberedLine result;
  const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), result.number);
  if (error != std::errc{} || stop == line.data()) return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(stop - line.data()));
  const bool has_mark = !line.empty() && std::string_view(":.)=").find(line.front()) != std::string_view::npos;
  if (has_mark) line.remove_prefix(1);
  if (line.empty() || (!has_mark && line.front() != ' ' && line.front() != '\t')) return std::nullopt;
  line = trim(line);
  if (line.starts_with('=')) line = trim(line.substr(1));
  std::string_view name = line.substr(0, line.find_first_of(" \t"));
  result.rest = trim(line.substr(name.size()));
  while (name.size() > 1 && (name.back() == ':' || name.back() == ',')) name.remove_suffix(1);
  // "# 2 of 5 runs" passes, too: whether it is a remark is judged from all the lines together.
  if (name.empty() || (!is_letter(name.front()) && name.front() != '_')) return std::nullopt;
  result.name = name;
  return result;
}

/// Description and unit: "Kron magnitude [mag]".
void describe_column(std::string_view rest, ColumnInfo& column) {
  while (!rest.empty() && (rest.front() == '-' || rest.front() == ':')) rest = trim(rest.substr(1));
  const std::size_t open = rest.rfind('[');
  if (rest.ends_with(']') && open != std::string_view::npos) {
    column.unit = unit_of(rest.substr(open));
    rest = trim(rest.substr(0, open));
  } else if (rest.starts_with('(') && rest.find(')') != std::string_view::npos) {
    const std::string unit(trim(rest.substr(1, rest.find(')') - 1)));
    if (is_known_unit(unit)) {
      column.unit = unit;
      rest = trim(rest.substr(rest.find(')') + 1));
    }
  }
  column.description = rest;
}

/// Parameters that SExtractor may write as vectors.
bool is_vector_of_sextractor(const std::string& name) {
  return name.ends_with("_APER") || name.starts_with("FLUX_RADIUS") || name.starts_with("FLUX_GROWTH") || name.starts_with("VIGNET") ||
         name.starts_with("VECTOR_");
}

void add_columns(const NumberedLine& line, std::size_t count, std::vector<ColumnInfo>& columns) {
  for (std::size_t i = 0; i < count; ++i) {
    ColumnInfo& column = columns.emplace_back();
    column.name = i == 0 ? line.name : fmt::format("{}_{}", line.name, i);
    column.source = column.name;
    describe_column(line.rest, column);
  }
}

/// The last run of numbered lines whose numbers grow from 1 (or 0). Lines out of order, beside or within it, make it none: what looks
/// like the elements of a vector may have a name of its own there.
std::vector<NumberedLine> numbered_run(const std::vector<std::string>& comments) {
  std::vector<NumberedLine> run;
  std::vector<std::size_t> strays;
  for (const std::string& comment : comments) {
    const auto line = numbered_line(comment);
    if (!line) continue;
    const bool begins = line->number == 1 ? run.empty() || run.back().number >= 1 : line->number == 0;
    // A second list replaces the first: headers repeat, with what was changed below.
    if (begins) run.clear();
    if (begins || (!run.empty() && line->number > run.back().number))
      run.push_back(*line);
    else
      strays.push_back(line->number);
  }
  const auto is_gap = [&](std::size_t number) {
    return number > run.front().number && number < run.back().number && std::ranges::find(run, number, &NumberedLine::number) == run.end();
  };
  if (!run.empty() && std::any_of(strays.begin(), strays.end(), is_gap)) run.clear();
  return run;
}

/// Words that make a line prose. Names such as "a" or "field" are not among them.
bool is_grammar(const std::string& word) {
  constexpr std::array<std::string_view, 46> words = {
      "the",  "an",   "of",    "and",  "or",    "is",     "are",  "was",      "were",      "with",    "without",  "from",
      "by",   "for",  "in",    "on",   "at",    "to",     "this", "that",     "these",     "not",     "all",      "be",
      "been", "has",  "have",  "had",  "which", "see",    "made", "created",  "generated", "written", "produced", "using",
      "used", "only", "where", "when", "after", "before", "into", "contains", "than",      "per"};
  return is_one_of(word, words);
}

/// A word that often names a column though it is a plain word.
bool is_usual_name(const std::string& word) {
  constexpr std::array<std::string_view, 40> words = {
      "name",     "type",   "class",   "flag",      "flags",       "field",  "tile",    "object", "source", "star",
      "redshift", "weight", "quality", "magnitude", "error",       "size",   "mass",    "radius", "period", "color",
      "colour",   "number", "index",   "distance",  "parallax",    "sigma",  "alpha",   "delta",  "theta",  "band",
      "survey",   "plate",  "fiber",   "fibre",     "designation", "galaxy", "cluster", "count",  "value",  "specz"};
  return is_one_of(word, words);
}

std::string_view line_of(std::string_view text, std::size_t number) {
  for (; number > 0 && !text.empty(); --number)
    text.remove_prefix(std::min(text.size(), text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') + 1));
  return text.substr(0, text.find('\n'));
}

/// Names between bars; below them types between bars, or rows that have no bars.
bool is_ipac(std::string_view start) {
  if (start.starts_with('\\')) return start.find("\n|") != std::string_view::npos;
  const std::string_view names = trim(line_of(start, 0)), second = line_of(start, 1);
  if (names.size() < 3 || !names.starts_with('|') || !names.ends_with('|') || second.empty()) return false;
  if (!second.starts_with('|')) return second.starts_with(' ') && second.find('|') == std::string_view::npos;
  constexpr std::array<std::string_view, 14> types = {"int", "long", "char", "double", "real", "float", "date",
                                                      "i",   "l",    "c",    "d",      "r",    "f",     ""};
  const std::vector<std::string> cells = split(lower(second), '|');
  return std::all_of(cells.begin(), cells.end(), [&](const std::string& cell) { return is_one_of(cell, types); });
}

bool is_plain_word(const std::string& word) {
  if (word.size() < 4 || is_usual_name(lower(word))) return false;
  return is_letter(word[0]) && std::all_of(word.begin() + 1, word.end(), is_lower);
}

}  // namespace

NumberedColumns numbered_columns(const std::vector<std::string>& comments, std::size_t cells) {
  NumberedColumns result;
  const std::vector<NumberedLine> run = numbered_run(comments);
  // One numbered line can be anything.
  if (run.size() < 2 && cells != 1) return result;
  // Numbers that jump by n mean n columns under one name: SExtractor writes vectors so.
  for (std::size_t i = 0; i + 1 < run.size(); ++i) add_columns(run[i], run[i + 1].number - run[i].number, result.columns);
  if (run.empty() || result.columns.size() >= cells + 1) return {{}, run.empty() ? 0 : result.columns.size() + 1};
  const std::size_t left = cells - result.columns.size();
  // Gaps in the numbers are the elements of vectors; behind the last number the row alone tells.
  add_columns(run.back(), left > 1 && is_vector_of_sextractor(run.back().name) ? left : 1, result.columns);
  result.counted = result.columns.size();
  if (result.counted != cells) result.columns.clear();
  return result;
}

bool read_like_names(const std::vector<std::string>& words) {
  std::size_t plain = 0;
  for (const std::string& word : words) {
    if (word.empty() || is_grammar(lower(word))) return false;
    if (word.size() > 1 && std::string_view(".,;:!?").find(word.back()) != std::string_view::npos) return false;
    plain += is_plain_word(word);
  }
  // A line of plain words only is a sentence, until one of them is a usual name.
  return !words.empty() && (words.size() < 3 || plain < words.size());
}

bool are_parts_of_a_sentence(const std::vector<std::string>& cells) {
  constexpr std::array<std::string_view, 20> words = {"the",     "is",       "are",   "was",   "were",  "from",    "by",
                                                      "this",    "that",     "these", "made",  "taken", "created", "generated",
                                                      "written", "produced", "using", "which", "has",   "have"};
  return std::any_of(cells.begin(), cells.end(), [&](const std::string& cell) {
    const std::vector<std::string> parts = split(lower(cell), ' ');
    return parts.size() > 1 && std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return is_one_of(part, words); });
  });
}

bool are_units(const std::vector<std::string>& cells) {
  bool has_unit = false;
  for (const std::string& cell : cells) {
    const std::string unit = unit_of(cell);
    // In brackets anything is taken for a unit: who writes them means one.
    if (!unit.empty() && !is_known_unit(unit) && unit == cell) return false;
    has_unit |= !unit.empty();
  }
  return has_unit;
}

bool are_dashes(const std::vector<std::string>& cells) {
  std::size_t longest = 0;
  for (const std::string& cell : cells) {
    if (cell.find_first_not_of('-') != std::string::npos && cell.find_first_not_of('=') != std::string::npos) return false;
    longest = std::max(longest, cell.size());
  }
  return longest > 2;  // shorter ones may stand for missing values
}

std::string unit_of(std::string_view cell) {
  cell = trim(cell);
  if (cell.size() >= 2 && ((cell.front() == '[' && cell.back() == ']') || (cell.front() == '(' && cell.back() == ')')))
    cell = trim(cell.substr(1, cell.size() - 2));
  if (cell.find_first_not_of('-') == std::string_view::npos || lower(cell) == "none") return "";
  return std::string(cell);
}

void refuse_other_tables(const std::string& path, std::string_view start) {
  const auto refuse = [&](const char* what, const char* how) {
    throw DataError(fmt::format("{}: is {} (columns are not separated there; convert it, for example with astropy: {})", path, what, how));
  };
  const std::string_view first = trim(start.substr(0, start.find('\n')));
  // In these forms cells are where a description says, not between separators: read as text they give wrong columns without an error.
  if (start.find("Byte-by-byte Description of file") != std::string_view::npos)
    refuse("a table of CDS or a machine-readable table (MRT) with a byte-by-byte description",
           "Table.read(FILE, format='ascii.cds').write('table.fits')");
  if (is_ipac(start)) refuse("an IPAC table", "Table.read(FILE, format='ascii.ipac').write('table.fits')");
  const std::string begin = lower(first.substr(0, 20));
  if (begin.starts_with("<!doctype html") || begin.starts_with("<html") || begin.starts_with("<table"))
    refuse("HTML (a web page, perhaps with an error message)", "Table.read(FILE, format='ascii.html').write('table.fits')");
  if (begin.starts_with("\\begin{") || begin.starts_with("\\documentclass"))
    refuse("LaTeX", "Table.read(FILE, format='ascii.latex').write('table.fits')");
  if (begin.starts_with("{\"") || begin == "{" || begin.starts_with("[{"))
    refuse("JSON", "Table(rows=json.load(open(FILE))).write('table.fits')");
}

}  // namespace skyfold
