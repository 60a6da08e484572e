// VOTables as a stream: elements from expat, rows of TABLEDATA as texts, those of BINARY and BINARY2 as bytes behind base64.
#include "votable.hpp"

#include <expat.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::size_t most_elements = std::size_t{1} << 24;  // of a cell: more is not believed

/// Name of an element without the prefix of its namespace.
std::string_view bare(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

std::string attribute(const char** attributes, std::string_view name) {
  for (; *attributes; attributes += 2)
    if (name == attributes[0]) return attributes[1];
  return "";
}

std::size_t cell_bytes(const VotableField& field, std::size_t elements) {
  const std::size_t bytes = votable_bytes(field);
  // Bits stand eight to a byte, and begin at a new one in each cell.
  return bytes == 0 ? (elements + 7) / 8 : elements * bytes;
}

int base64_value(char c) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

/// What expat calls. An exception must not pass through it: it is kept until expat has returned.
struct VotableReader::Handlers {
  template <class Action>
  static void guarded(void* data, const Action& action) {
    VotableReader& reader = *static_cast<VotableReader*>(data);
    if (reader.error_) return;
    try {
      action(reader);
    } catch (...) {
      reader.error_ = std::current_exception();
      XML_StopParser(reader.parser_.get(), XML_FALSE);
    }
  }
  static void begin(void* data, const char* name, const char** attributes) {
    guarded(data, [&](VotableReader& reader) { reader.begin(bare(name), attributes); });
  }
  static void end(void* data, const char* name) {
    guarded(data, [&](VotableReader& reader) { reader.end(bare(name)); });
  }
  static void text(void* data, const char* text, int length) {
    guarded(data, [&](VotableReader& reader) { reader.add({text, static_cast<std::size_t>(length)}); });
  }
};

VotableReader::VotableReader(RowUse use) : use_(std::move(use)), parser_(XML_ParserCreate(nullptr), XML_ParserFree) {
  if (!parser_) throw IoError("no memory for reading XML");
  XML_SetUserData(parser_.get(), this);
  XML_SetElementHandler(parser_.get(), Handlers::begin, Handlers::end);
  XML_SetCharacterDataHandler(parser_.get(), Handlers::text);
}

VotableReader::~VotableReader() = default;

void VotableReader::feed(std::string_view text, bool is_last) {
  const XML_Status status = XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), is_last ? 1 : 0);
  // Ours first: expat then only says that it was stopped.
  if (error_) std::rethrow_exception(error_);
  if (status != XML_STATUS_OK)
    throw DataError(fmt::format("line {}: {}", XML_GetCurrentLineNumber(parser_.get()), XML_ErrorString(XML_GetErrorCode(parser_.get()))));
}

void VotableReader::begin(std::string_view element, const char** attributes) {
  // Later tables are counted and passed over: whoever reads says which one was taken.
  if (element == "TABLE") ++tables_;
  if (tables_ > 1) return;
  if (element == "FIELD") {
    in_field_ = true;
    fields_.push_back({attribute(attributes, "name"), attribute(attributes, "datatype"), attribute(attributes, "arraysize"),
                       attribute(attributes, "unit"), attribute(attributes, "ucd"), "", ""});
  } else if (element == "DESCRIPTION") {
    // Tables, resources and the file have descriptions, too.
    in_description_ = in_field_;
  } else if (element == "VALUES" && in_field_) {
    fields_.back().null = attribute(attributes, "null");
  } else if (use_) {
    begin_data(element, attributes);
  }
}

void VotableReader::begin_data(std::string_view element, const char** attributes) {
  if (element == "FITS" || element == "PARQUET") throw DataError(fmt::format("its rows are {}, in another file or inside", element));
  if (element == "TABLEDATA" || element == "BINARY" || element == "BINARY2") {
    has_data_ = true;
    is_binary_ = element != "TABLEDATA";
    has_flags_ = element == "BINARY2";
    // All fields stand before the data (VOTable 1.4, 4.1): the number of cells of a row is known.
    cells_.resize(fields_.size());
  } else if (element == "STREAM") {
    // Nothing is fetched, be it an address or a file beside: an input is what the user named.
    if (!attribute(attributes, "href").empty()) throw DataError("its rows are in another file (STREAM with href)");
    if (const std::string encoding = attribute(attributes, "encoding"); encoding != "base64")
      throw DataError(fmt::format("its rows are encoded by '{}' (base64 is read)", encoding));
    in_stream_ = true;
  } else if (element == "TR") {
    cell_ = 0;
    for (VotableCell& cell : cells_) cell.text.clear();
  } else if (element == "TD") {
    if (cell_ >= cells_.size())
      throw DataError(fmt::format("row {} has more than {} cells, one for each column", rows_ + 1, cells_.size()));
    in_cell_ = true;
  }
}

void VotableReader::end(std::string_view element) {
  if (element == "DESCRIPTION" || element == "FIELD") in_description_ = false;
  if (element == "FIELD") {
    in_field_ = false;
    if (tables_ <= 1 && !fields_.empty()) fields_.back().description = trim(fields_.back().description);
  }
  if (tables_ > 1 || !use_) return;
  if (element == "TD") {
    in_cell_ = false;
    ++cell_;
  } else if (element == "TR") {
    if (cell_ != cells_.size())
      throw DataError(fmt::format("row {} has {} cells, but there are {} columns", rows_ + 1, cell_, cells_.size()));
    ++rows_;
    use_(cells_);
  } else if (element == "STREAM" && in_stream_) {
    in_stream_ = false;
    finish_stream();
  }
}

void VotableReader::add(std::string_view text) {
  if (in_description_) fields_.back().description += text;
  // expat gives the text of one element in several pieces, cut wherever its buffer ends.
  if (in_cell_) cells_[cell_].text += text;
  if (in_stream_) add_base64(text);
}

void VotableReader::add_base64(std::string_view text) {
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == '=') continue;
    const int value = base64_value(c);
    if (value < 0) throw DataError(fmt::format("row {}: '{}' is no base64", rows_ + 1, c));
    pending_ = pending_ << 6 | static_cast<unsigned>(value);
    pending_bits_ += 6;
    if (pending_bits_ < 8) continue;
    pending_bits_ -= 8;
    bytes_ += static_cast<char>(pending_ >> pending_bits_ & 0xFF);
  }
  take_rows();
}

/// Makes rows of what is there.
void VotableReader::take_rows() {
  std::size_t at = 0;
  while (take_row(at)) {
    ++rows_;
    use_(cells_);
  }
  bytes_.erase(0, at);
}

/// The row at a byte; false when its end is not there yet.
bool VotableReader::take_row(std::size_t& at) {
  const std::size_t flags = has_flags_ ? (fields_.size() + 7) / 8 : 0;
  std::size_t place = at + flags;
  if (fields_.empty() || place > bytes_.size()) return false;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    std::size_t elements = votable_elements(fields_[i]);
    if (elements == 0) {
      if (bytes_.size() - place < 4) return false;
      for (int k = 0; k < 4; ++k) elements = elements << 8 | static_cast<unsigned char>(bytes_[place++]);
      if (elements > most_elements)
        throw DataError(fmt::format("row {}, column {}: is damaged ({} elements)", rows_ + 1, fields_[i].name, elements));
    }
    const std::size_t bytes = cell_bytes(fields_[i], elements);
    if (bytes_.size() - place < bytes) return false;
    cells_[i].text.assign(bytes_, place, bytes);
    cells_[i].is_missing = has_flags_ && (static_cast<unsigned char>(bytes_[at + i / 8]) >> (7 - i % 8) & 1) != 0;
    place += bytes;
  }
  if (place == at) return false;  // columns without bytes: no end of rows
  at = place;
  return true;
}

void VotableReader::finish_stream() const {
  if (!bytes_.empty()) throw DataError(fmt::format("its rows end within row {}", rows_ + 1));
}

std::size_t votable_elements(const VotableField& field) {
  if (field.arraysize.empty()) return 1;
  if (field.arraysize.find('*') != std::string::npos) return 0;
  std::size_t product = 1;
  for (const std::string& text : split(field.arraysize, 'x')) {
    const auto size = parse_integer(text);
    if (!size || *size < 1 || static_cast<std::size_t>(*size) > most_elements / product)
      throw DataError(fmt::format("column {}: arraysize = '{}'", field.name, field.arraysize));
    product *= static_cast<std::size_t>(*size);
  }
  return product;
}

std::size_t votable_bytes(const VotableField& field) {
  constexpr std::pair<const char*, std::size_t> sizes[] = {{"boolean", 1}, {"bit", 0},    {"unsignedByte", 1}, {"short", 2},
                                                           {"int", 4},     {"long", 8},   {"char", 1},         {"unicodeChar", 2},
                                                           {"float", 4},   {"double", 8}, {"floatComplex", 8}, {"doubleComplex", 16}};
  for (const auto& [name, bytes] : sizes)
    if (field.datatype == name) return bytes;
  throw DataError(fmt::format("column {}: datatype = '{}'", field.name, field.datatype));
}

std::vector<VotableField> votable_fields(const std::string& xml) {
  VotableReader reader;
  reader.feed(xml, true);
  return reader.fields();
}

}  // namespace skyfold
