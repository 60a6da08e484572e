// Texts of measurements, which repeat themselves, as numbers: what texts there are is collected block by block, and put in order.
#include "measurement_texts.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

void put_text(std::string& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += text;
}

template <class T>
T get(std::string_view& in) {
  T value{};
  if (in.size() < sizeof value) throw IoError("damaged texts of measurements");
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return value;
}

std::string_view get_text(std::string_view& in) {
  const auto size = get<std::uint32_t>(in);
  if (in.size() < size) throw IoError("damaged texts of measurements");
  const std::string_view text = in.substr(0, size);
  in.remove_prefix(size);
  return text;
}

}  // namespace

std::vector<std::string> text_columns(const Schema& schema) {
  std::vector<std::string> names;
  for (const ColumnInfo& column : schema)
    if (column.type == Type::text) names.push_back(column.name);
  return names;
}

Schema stored_columns(const Schema& schema, const Dictionaries& dictionaries) {
  Schema stored = schema;
  for (ColumnInfo& column : stored) {
    const auto dictionary = dictionaries.find(column.name);
    if (dictionary == dictionaries.end()) continue;
    column.type = dictionary->second.size() <= 256 ? Type::u1 : Type::i4;
    column.width = 1;
  }
  return stored;
}

std::string distinct_texts(const Table& rows, const std::vector<std::string>& columns) {
  std::string blob;
  for (const std::string& name : columns) {
    const Column& column = rows.at(name);
    std::unordered_set<std::string_view> texts;
    std::string_view last;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::string_view text = column.text(i);
      // Neighbours are mostly of one image and filter.
      if (i > 0 && text == last) continue;
      texts.insert(last = text);
    }
    const auto count = static_cast<std::uint32_t>(texts.size());
    blob.append(reinterpret_cast<const char*>(&count), sizeof count);
    // In order, so that a block gives the same bytes whenever it is read.
    std::vector<std::string_view> sorted(texts.begin(), texts.end());
    std::ranges::sort(sorted);
    for (const std::string_view text : sorted) put_text(blob, text);
  }
  return blob;
}

Dictionaries united_texts(Parts& parts, std::int64_t rows, const std::vector<std::string>& columns) {
  std::vector<std::unordered_set<std::string>> texts(columns.size());
  for (const Parts::Piece& piece : parts.pieces({0, rows})) {
    const std::string blob = parts.read(piece);
    std::string_view at = blob;
    for (std::unordered_set<std::string>& all : texts)
      for (auto left = get<std::uint32_t>(at); left > 0; --left) {
        const std::string_view text = get_text(at);
        if (all.size() <= most_texts) all.emplace(text);
      }
  }
  Dictionaries dictionaries;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (texts[c].size() > most_texts) continue;
    std::vector<std::string>& sorted = dictionaries[columns[c]];
    sorted.assign(texts[c].begin(), texts[c].end());
    std::ranges::sort(sorted);
  }
  return dictionaries;
}

std::string packed_dictionaries(const Dictionaries& dictionaries) {
  std::string bytes;
  for (const auto& [column, texts] : dictionaries) {
    put_text(bytes, column);
    const auto count = static_cast<std::uint32_t>(texts.size());
    bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
    for (const std::string& text : texts) put_text(bytes, text);
  }
  return bytes;
}

Dictionaries unpacked_dictionaries(std::string_view bytes) {
  Dictionaries dictionaries;
  while (!bytes.empty()) {
    std::vector<std::string>& texts = dictionaries[std::string(get_text(bytes))];
    for (auto left = get<std::uint32_t>(bytes); left > 0; --left) texts.emplace_back(get_text(bytes));
  }
  return dictionaries;
}

Table text_table(const std::vector<std::string>& texts) {
  std::size_t width = 1;
  for (const std::string& text : texts) width = std::max(width, text.size());
  Table table({{"value", Type::text, width}}, texts.size());
  std::ranges::fill(table[0].values<char>(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::ranges::copy(texts[i], table[0].values<char>().begin() + static_cast<std::ptrdiff_t>(i * width));
  return table;
}

}  // namespace skyfold
