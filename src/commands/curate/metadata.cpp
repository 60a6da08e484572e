// Metadata of files (CU3): what headers say, by the declared schema. What is odd is counted; what is missing or ambiguous fails its file.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "extraction.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_hdus.hpp"

namespace skyfold {
namespace {

using Kind = DeclaredColumn::Kind;

/// Oddities of cards, by place, keyword and problem.
class CardRemarks {
 public:
  void add(const char* place, const std::string& key, const char* problem, const std::string& file, const std::string& value) {
    Remark& remark = remarks_[{place, key, problem}];
    if (remark.last_file == file) return;
    if (remark.files == 0) {
      remark.first_file = file;
      remark.value = value;
    }
    ++remark.files;
    remark.last_file = file;
  }
  [[nodiscard]] std::string lines() const {
    std::string text;
    for (const auto& [key, remark] : remarks_)
      text += fmt::format("R\t{}\t{}\t{}\t{}\t{}\t{}\n", key.place, cell_of(key.keyword), key.problem, remark.files,
                          cell_of(remark.first_file), cell_of(remark.value));
    return text;
  }

 private:
  struct Key {
    std::string place, keyword, problem;
    auto operator<=>(const Key&) const = default;
  };
  struct Remark {
    std::int64_t files = 0;
    std::string first_file, last_file, value;
  };
  std::map<Key, Remark> remarks_;
};

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

/// What a card has for a column; nothing when it is not of its kind.
SqlValue value_of(const FitsCard& card, Kind kind) {
  switch (kind) {
    case Kind::text:
      return is_ascii(card.value) ? SqlValue(card.value) : SqlValue();
    case Kind::truth:
      if (card.is_text || (card.value != "T" && card.value != "F")) return {};
      return std::int64_t{card.value == "T"};
    case Kind::integer:
      if (const auto whole = parse_integer(card.value); whole && !card.is_text) return static_cast<std::int64_t>(*whole);
      return {};
    case Kind::real:
      break;
  }
  std::string text = card.value;
  std::replace(text.begin(), text.end(), 'D', 'E');
  const auto number = card.is_text ? std::nullopt : parse_double(text);
  return number ? SqlValue(*number) : SqlValue();
}

/// Reads the headers of one place (primary, extension) into columns.
class HeaderReader {
 public:
  HeaderReader(const char* place, const std::vector<DeclaredColumn>& columns, const CurationSchema& schema)
      : place_(place), columns_(columns), schema_(schema), cards_(columns.size()) {
    for (std::size_t i = 0; i < columns.size(); ++i) places_.emplace(columns[i].key, static_cast<std::ptrdiff_t>(i));
  }

  /// Cells of the row, each behind a tab. Throws DataError for a file that cannot be archived.
  std::string read(const FitsHdu& hdu, const std::string& where, const std::string& file, CardRemarks& remarks) {
    std::fill(cards_.begin(), cards_.end(), nullptr);
    for (const FitsCard& card : hdu.cards) take(card, where, file, remarks);
    std::string cells;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const DeclaredColumn& column = columns_[i];
      SqlValue value;
      if (cards_[i] && (cards_[i]->is_text || !cards_[i]->value.empty())) {
        value = value_of(*cards_[i], column.kind);
        if (std::holds_alternative<std::monostate>(value)) {
          if (column.is_required)
            throw DataError(fmt::format("{}: {} = '{}' is not of its type (the schema requires it)", where, column.key, cards_[i]->value));
          remarks.add(place_, column.key, "malformed", file, cards_[i]->value);
        }
      } else if (column.is_required) {
        throw DataError(fmt::format("{}: {} is missing (the schema requires it)", where, column.key));
      }
      cells += "\t" + cell_of(value);
    }
    return cells;
  }

 private:
  void take(const FitsCard& card, const std::string& where, const std::string& file, CardRemarks& remarks) {
    // -1: not declared, and told of; -2: ignored. Asked once for each keyword, not for each card.
    auto place = places_.find(card.key);
    if (place == places_.end()) place = places_.emplace(card.key, schema_.ignores(card.key) ? -2 : -1).first;
    if (place->second == -1) remarks.add(place_, card.key, "not declared", file, card.value);
    if (place->second < 0) return;
    const FitsCard*& first = cards_[static_cast<std::size_t>(place->second)];
    if (first && first->value != card.value)
      throw DataError(
          fmt::format("{}: {} is there twice, '{}' and '{}' (which one counts is not known)", where, card.key, first->value, card.value));
    if (first)
      remarks.add(place_, card.key, "repeated", file, card.value);
    else
      first = &card;
  }

  const char* place_;
  const std::vector<DeclaredColumn>& columns_;
  const CurationSchema& schema_;
  std::unordered_map<std::string, std::ptrdiff_t> places_;
  std::vector<const FitsCard*> cards_;  ///< of each column
};

}  // namespace

std::string extract_metadata(const CurateTask& task, const ExtractionPlace& place) {
  HeaderReader primary("primary", place.schema.multiframe, place.schema), extension("extension", place.schema.detector, place.schema);
  CardRemarks remarks;
  std::string result;
  for (const TaskFile& file : task.files) {
    const std::string path = task.night_folder + "/" + file.name;
    // Of a file that fails nothing is kept, of which the remarks before it tell nothing wrong.
    std::string rows;
    try {
      const std::vector<FitsHdu> hdus = read_fits_hdus(path);
      rows = fmt::format("M\t{}{}\n", file.multiframe_id, primary.read(hdus[0], "primary header", file.name, remarks));
      for (std::size_t i = 1; i < hdus.size(); ++i)
        if (file.kind == "table" ? hdus[i].is_table() : hdus[i].is_image())
          rows += fmt::format("D\t{}\t{}{}\n", file.multiframe_id, i,
                              extension.read(hdus[i], fmt::format("extension {}", i), file.name, remarks));
    } catch (const Error& error) {
      if (!is_of_file(error, path)) throw;
      rows = fmt::format("F\t{}\t{}\n", file.multiframe_id, cell_of(std::string(error.what())));
    }
    result += rows;
  }
  return result + remarks.lines();
}

}  // namespace skyfold
