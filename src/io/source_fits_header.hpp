#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "source_file.hpp"

/// FITS headers, read and checked here before anything is believed (FITS Standard 4.0, sections 4 and 7).
namespace skyfold {

/// The value of a keyword, and the comment behind it.
struct Card {
  std::string value;  ///< text of the value; of a string without its quotes
  std::string comment;
  bool is_text = false;  ///< it stands in quotes
};

/// The header of one HDU and where its data lie.
class FitsHeader {
 public:
  /// Reads the header at byte `begin`. Throws IoError when the file ends inside, DataError when it is not a header.
  FitsHeader(const InputFile& file, std::int64_t begin);

  [[nodiscard]] const Card* find(const std::string& key) const;
  [[nodiscard]] std::optional<std::string> text(const std::string& key) const;
  [[nodiscard]] std::string comment(const std::string& key) const;
  /// Throws DataError when the value is not a number of that kind.
  [[nodiscard]] std::optional<std::int64_t> integer(const std::string& key) const;
  [[nodiscard]] std::optional<double> number(const std::string& key) const;
  /// A keyword that must be there, in [0, limit]. Throws DataError.
  [[nodiscard]] std::int64_t count(const std::string& key, std::int64_t limit = INT64_MAX) const;
  [[nodiscard]] bool is_true(const std::string& key) const;

  /// All cards that have a value, in order; of those that are repeated the first one counts.
  [[nodiscard]] const std::vector<std::pair<std::string, Card>>& cards() const noexcept { return cards_; }
  [[nodiscard]] std::int64_t data_begin() const noexcept { return data_begin_; }
  /// Bytes of the data, without padding.
  [[nodiscard]] std::int64_t data_bytes() const;
  /// Byte where the next HDU begins, data padded to whole blocks; it may lie behind the end of the file.
  [[nodiscard]] std::int64_t end() const;

 private:
  void add(std::string_view card);
  [[noreturn]] void throw_bad(const std::string& key, const std::string& why) const;

  std::string where_;  ///< path, for messages
  std::int64_t data_begin_ = 0;
  std::vector<std::pair<std::string, Card>> cards_;
  std::unordered_map<std::string, std::size_t> places_;  ///< of the first card of each keyword
  bool is_continued_ = false;                            ///< the last card may be
};

}  // namespace skyfold
