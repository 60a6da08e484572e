// FIELD elements of a VOTable, by expat, which neither opens files that the text names nor lets entities grow without bound.
#include "votable_fields.hpp"

#include <expat.h>
#include <fmt/core.h>

#include <memory>
#include <string_view>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// What is being read.
struct Reading {
  std::vector<VotableField> fields;
  int tables = 0;
  bool is_in_field = false, is_in_description = false;
};

/// Name of an element without the prefix of its namespace.
std::string_view bare(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

void begin_element(void* data, const char* name, const char** attributes) {
  Reading& reading = *static_cast<Reading*>(data);
  const std::string_view element = bare(name);
  if (element == "TABLE") ++reading.tables;
  if (element == "DESCRIPTION") reading.is_in_description = reading.is_in_field;
  if (element != "FIELD" || reading.tables > 1) return;
  reading.is_in_field = true;
  VotableField& field = reading.fields.emplace_back();
  for (; *attributes; attributes += 2) {
    const std::string_view attribute = attributes[0];
    if (attribute == "name") field.name = attributes[1];
    if (attribute == "unit") field.unit = attributes[1];
    if (attribute == "ucd") field.ucd = attributes[1];
  }
}

void end_element(void* data, const char* name) {
  Reading& reading = *static_cast<Reading*>(data);
  const std::string_view element = bare(name);
  if (element == "FIELD") reading.is_in_field = false;
  if (element == "DESCRIPTION" || element == "FIELD") reading.is_in_description = false;
}

void add_text(void* data, const char* text, int length) {
  Reading& reading = *static_cast<Reading*>(data);
  if (reading.is_in_description) reading.fields.back().description.append(text, static_cast<std::size_t>(length));
}

}  // namespace

std::vector<VotableField> votable_fields(const std::string& xml) {
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate(nullptr), XML_ParserFree);
  if (!parser) throw IoError("no memory for reading XML");
  Reading reading;
  XML_SetUserData(parser.get(), &reading);
  XML_SetElementHandler(parser.get(), begin_element, end_element);
  XML_SetCharacterDataHandler(parser.get(), add_text);
  if (XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1) != XML_STATUS_OK)
    throw DataError(fmt::format("line {}: {}", XML_GetCurrentLineNumber(parser.get()), XML_ErrorString(XML_GetErrorCode(parser.get()))));
  for (VotableField& field : reading.fields) field.description = trim(field.description);
  return std::move(reading.fields);
}

}  // namespace skyfold
