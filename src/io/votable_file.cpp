// VOTables of ours (IVOA VOTable 1.4, 5.1): rows as text, which is exact since numbers are written so that they read back as the same.
#include "skyfold/io/votable_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

const char* votable_type(Type type) {
  constexpr const char* names[] = {"float", "double", "int", "long", "unsignedByte", "char"};
  return names[static_cast<std::size_t>(type)];
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; }

/// A text within a cell. Line ends are written as numbers: a reader of XML would make one of two.
void add_cell_text(std::string_view cell, std::string& text) {
  for (const char c : cell) {
    if (c == '&')
      text += "&amp;";
    else if (c == '<')
      text += "&lt;";
    else if (c == '>')
      text += "&gt;";
    else if (c == '\r' || c == '\n' || c == '\t')
      text += fmt::format("&#{};", static_cast<int>(c));
    else
      text += c;
  }
}

template <class Float>
void add_number(Float value, std::string& text) {
  // The words of the standard: 6, "NaN", "+Inf", "-Inf".
  if (std::isnan(value))
    text += "NaN";
  else if (std::isinf(value))
    text += value > 0 ? "+Inf" : "-Inf";
  else
    text += shortest(value);
}

void add_cell(const Column& column, std::size_t row, std::string& text) {
  const ColumnInfo& info = column.info();
  if (info.type == Type::text) return add_cell_text(column.text(row), text);
  for (std::size_t e = 0; e < info.width; ++e) {
    if (e > 0) text += ' ';
    // In a list an empty element could not be seen: there NaN and the null value say it.
    if (info.width == 1 && std::isnan(column.number(row))) return;
    if (info.type == Type::f4)
      add_number(static_cast<float>(column.number(row, e)), text);
    else if (info.type == Type::f8)
      add_number(column.number(row, e), text);
    else
      text += std::to_string(column.integer(row, e));
  }
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

std::string votable_field_element(const ColumnInfo& info, bool is_unicode, bool has_null) {
  std::string field =
      fmt::format(R"(<FIELD name="{}" datatype="{}")", xml_text(info.name), is_unicode ? "unicodeChar" : votable_type(info.type));
  if (info.type == Type::text)
    // Texts have any length there, also where all of ours have one.
    field += R"( arraysize="*")";
  else if (info.width > 1)
    field += fmt::format(R"( arraysize="{}")", info.width);
  if (!info.unit.empty()) field += fmt::format(R"( unit="{}")", xml_text(info.unit));
  if (!info.ucd.empty()) field += fmt::format(R"( ucd="{}")", xml_text(info.ucd));
  std::string inside;
  if (!info.description.empty()) inside += fmt::format("<DESCRIPTION>{}</DESCRIPTION>", xml_text(info.description));
  if (has_null && info.null) inside += fmt::format(R"(<VALUES null="{}"/>)", *info.null);
  return field + (inside.empty() ? "/>" : ">" + inside + "</FIELD>");
}

std::string votable_head(const Schema& schema, const std::set<std::string>& unicode,
                         const std::vector<std::pair<std::string, std::string>>& infos) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VOTABLE version=\"1.4\" xmlns=\"http://www.ivoa.net/xml/VOTable/v1.3\">\n<RESOURCE>\n";
  for (const auto& [name, value] : infos)
    text += fmt::format("<INFO name=\"{}\" value=\"{}\"/>\n", xml_text(name), xml_text(valid_utf8(value)));
  text += "<TABLE>\n";
  for (const ColumnInfo& info : schema) text += votable_field_element(info, unicode.contains(info.name), info.type != Type::text) + "\n";
  return text + "<DATA>\n<TABLEDATA>\n";
}

void add_votable_rows(const Table& table, std::string& text) {
  for (std::size_t row = 0; row < table.rows(); ++row) {
    text += "<TR>";
    for (std::size_t c = 0; c < table.columns(); ++c) {
      text += "<TD>";
      add_cell(table[c], row, text);
      text += "</TD>";
    }
    text += "</TR>\n";
  }
}

std::string votable_tail() { return "</TABLEDATA>\n</DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"; }

void check_xml_texts(const Table& table, const std::string& path, std::int64_t first_row) {
  for (std::size_t c = 0; c < table.columns(); ++c) {
    if (table[c].info().type != Type::text) continue;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const std::string_view text = table[c].text(row);
      const bool is_utf8 = valid_utf8(text) == text;
      if (is_utf8 && std::ranges::none_of(text, is_control)) continue;
      throw DataError(fmt::format("{}, row {}, column {}: '{}' {} (a VOTable cannot hold it)", path,
                                  first_row + static_cast<std::int64_t>(row) + 1, table[c].info().name, one_line(text),
                                  is_utf8 ? "has a control character" : "is no UTF-8"));
    }
  }
}

}  // namespace skyfold
