// Which table of a FITS file is meant, and a plain form of it: our decoder reads tables without compression alone.
#include "source_fits_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "fits_copy.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"
#include "skyfold/table/known_columns.hpp"
#include "skyfold/table/table.hpp"
#include "source_notes.hpp"

namespace skyfold {
namespace {

bool is_table(const FitsHeader& header) {
  const std::string kind(trim(header.text("XTENSION").value_or("")));
  return kind == "BINTABLE" || kind == "TABLE" || kind == "A3DTABLE";
}

/// By EXTNAME, or `EXTNAME,EXTVER`.
bool has_name(const FitsHeader& header, const std::string& wanted) {
  const std::string name = lower(trim(header.text("EXTNAME").value_or("")));
  if (name == lower(trim(wanted))) return true;
  const std::size_t comma = std::min(wanted.rfind(','), wanted.size());
  // A name that holds a comma itself was compared as a whole before.
  const auto version = parse_integer(trim(std::string_view(wanted).substr(std::min(comma + 1, wanted.size()))));
  return version && name == lower(trim(std::string_view(wanted).substr(0, comma))) && *version == header.integer("EXTVER").value_or(1);
}

[[noreturn]] void throw_no_table(const std::string& path, const std::string& hdu, std::int64_t hdus) {
  if (hdu.empty()) throw DataError(fmt::format("{}: has no table extension (it has {} HDUs)", path, hdus));
  throw DataError(fmt::format("{}: has no table extension '{}' (input.hdu) among its {} HDUs", path, hdu, hdus));
}

/// A table of the file, and which HDU it is.
struct FoundTable {
  FitsHeader header;
  std::int64_t hdu = 0;

  [[nodiscard]] std::string name() const { return std::string(trim(header.text("EXTNAME").value_or(""))); }
  // A compressed table's own rows are tiles: ZNAXIS2 has those of the table (FITS Standard 4.0, section 10.3.1).
  [[nodiscard]] std::int64_t rows() const { return header.count(is_compressed() ? "ZNAXIS2" : "NAXIS2"); }
  [[nodiscard]] bool is_image() const { return header.is_true("ZIMAGE"); }
  [[nodiscard]] bool is_compressed() const { return header.is_true("ZTABLE"); }
};

/// True when `at` is behind the last HDU: nothing, or padding.
bool is_behind_last(const InputFile& file, std::int64_t at) {
  return file.text_at(at, 1).find_first_not_of(std::string_view(" \0", 2)) == std::string::npos;
}

/// All tables of the file. What is damaged behind a table does not keep that table from being read.
std::vector<FoundTable> tables_of(const InputFile& file, std::int64_t& hdus) {
  std::vector<FoundTable> tables;
  for (std::int64_t at = 0; at < file.size(); ++hdus) {
    try {
      const FitsHeader header(file, at);
      if (is_table(header)) {
        // Here already, where a table that is damaged can be told from the ones before it.
        (void)header.count("NAXIS2");
        tables.push_back({header, hdus});
      }
      at = header.end();
    } catch (const Error& error) {
      if (tables.empty()) throw;
      note_once(fmt::format("{} (HDU {} and what follows is not looked at)", error.what(), hdus));
      return tables;
    }
    if (at >= file.size() || is_behind_last(file, at)) at = file.size();
  }
  return tables;
}

bool has_coordinates(const FitsHeader& header) {
  Schema schema;
  for (std::int64_t n = 1; n <= header.integer("TFIELDS").value_or(0); ++n)
    if (const auto name = header.text(fmt::format("TTYPE{}", n))) schema.push_back({std::string(trim(*name))});
  const auto has = [&](const std::vector<std::string>& names) { return !known_column(schema, names).empty(); };
  return (has(known_columns::ra) && has(known_columns::dec)) || (has({"glon"}) && has({"glat"}));
}

/// The table that is meant where the user names none: the objects of an LDAC file (SExtractor's, whose first table holds the
/// header of the image; one of each chip: the largest); else of those with coordinates the one with most rows; else the first with rows.
const FoundTable& best_table(const std::vector<FoundTable>& tables) {
  const auto first_with = [&](const auto& is_right) { return std::find_if(tables.begin(), tables.end(), is_right); };
  const auto is_usable = [](const FoundTable& table) { return table.rows() > 0 && !table.is_image(); };
  const auto largest_with = [&](const auto& is_right) {
    const FoundTable* largest = nullptr;
    for (const FoundTable& table : tables)
      if (is_usable(table) && is_right(table) && (!largest || table.rows() > largest->rows())) largest = &table;
    return largest;
  };
  if (const FoundTable* ldac = largest_with([](const FoundTable& table) { return table.name() == "LDAC_OBJECTS"; })) return *ldac;
  if (const FoundTable* objects = largest_with([](const FoundTable& table) { return has_coordinates(table.header); })) return *objects;
  for (const auto& found : {first_with(is_usable), first_with([](const FoundTable& table) { return table.rows() > 0; })})
    if (found != tables.end()) return *found;
  return tables.front();
}

/// The table that is wanted: by number, by name, or the best.
FoundTable find_table(const InputFile& file, const std::string& hdu) {
  std::int64_t hdus = 0;
  const std::vector<FoundTable> tables = tables_of(file, hdus);
  const std::optional<long long> number = parse_integer(hdu);
  for (const FoundTable& table : tables)
    if (!hdu.empty() && (number ? *number == table.hdu : has_name(table.header, hdu))) return table;
  if (!hdu.empty() || tables.empty()) throw_no_table(file.path(), hdu, hdus);
  const FoundTable& best = best_table(tables);
  if (tables.size() > 1)
    note_once(fmt::format("{}: has {} tables, of which HDU {}{} with {} rows is taken (--input.hdu chooses another)", file.path(),
                          tables.size(), best.hdu, best.name().empty() ? "" : fmt::format(" ({})", best.name()), grouped(best.rows())));
  return best;
}

/// True for brackets that name a table: `2`, `EXTNAME`, `EXTNAME,2`; others select columns (`col ...`) or rows (an expression).
bool names_table(const std::string& text) {
  constexpr std::string_view of_names = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-., ";
  return text.find_first_not_of(of_names) == std::string::npos && !lower(trim(text)).starts_with("col ");
}

/// The rows and columns of a plain table that the brackets of the input's name select.
FitsTable selected(const InputFile& file, std::int64_t hdu, const std::vector<std::string>& filters, const std::string& name) {
  const std::shared_ptr<const InputFile> copy = selected_table(file, hdu, filters, name);
  return {copy, find_table(*copy, "1").header};
}

}  // namespace

FitsTable open_fits_table(const std::string& name, const std::string& hdu) {
  InputName input = input_name(name);
  std::string wanted = hdu;
  if (!input.brackets.empty() && names_table(input.brackets.front())) {
    wanted = trim(input.brackets.front());
    if (!hdu.empty()) note_once(fmt::format("input.hdu has no part in reading {}: the table stands in brackets", name));
    input.brackets.erase(input.brackets.begin());
  }
  for (const std::string& filter : input.brackets) check_filter(filter, name);
  std::shared_ptr<const InputFile> file = open_fits(input.file, name);
  FoundTable table = find_table(*file, wanted);
  // It is a binary table by its form: without this it would be read as one with a column of compressed bytes.
  if (table.is_image()) throw DataError(fmt::format("{}: HDU {} is a tile-compressed image, not a table", name, table.hdu));
  if (table.is_compressed()) {
    file = uncompressed_table(*file, table.hdu);
    table = find_table(*file, "1");
  }
  if (!input.brackets.empty()) return selected(*file, table.hdu, input.brackets, name);
  return {file, table.header};
}

}  // namespace skyfold
