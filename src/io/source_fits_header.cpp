// FITS headers: cards as key, value and comment, and the size of the data behind them. A damaged header gives one clear error
// and no allocation that it could have asked for.
#include "source_fits_header.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t block_bytes = 2880;
constexpr std::size_t card_bytes = 80;
constexpr std::int64_t largest_header = std::int64_t{16} << 20;  // bytes; 999 columns need less than one MiB

/// A string value: from its opening quote to its closing one, doubled quotes made single, without trailing blanks.
std::string quoted_value(std::string_view text, std::size_t& end) {
  std::string value;
  std::size_t i = 1;
  for (; i < text.size(); ++i) {
    // Two quotes are one of the text, a single one ends it.
    if (text[i] == '\'') {
      if (i + 1 == text.size() || text[i + 1] != '\'') break;
      ++i;
    }
    value += text[i];
  }
  end = std::min(i + 1, text.size());
  value.erase(value.find_last_not_of(' ') + 1);
  return value;
}

Card parse_value(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  Card card;
  std::size_t end = 0;
  if (text.starts_with('\'')) {
    card.value = quoted_value(text, end);
    card.is_text = true;
  } else {
    // Only behind a value that is no text: a slash within quotes is part of it.
    end = std::min(text.find('/'), text.size());
    card.value = trim(text.substr(0, end));
  }
  const std::size_t slash = text.find('/', end);
  if (slash != std::string_view::npos) card.comment = trim(text.substr(slash + 1));
  return card;
}

/// FITS allows D as the letter of an exponent.
std::optional<double> fits_number(std::string text) {
  std::replace(text.begin(), text.end(), 'D', 'E');
  return parse_double(text);
}

/// a * b for counts; nothing when it does not fit.
std::optional<std::int64_t> product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

}  // namespace

FitsHeader::FitsHeader(const InputFile& file, std::int64_t begin) : where_(file.path()) {
  for (std::int64_t at = begin;; at += block_bytes) {
    if (at - begin > largest_header) throw DataError(fmt::format("{}: the header at byte {} has no END", where_, begin));
    const std::string block = file.text_at(at, block_bytes);
    if (static_cast<std::int64_t>(block.size()) < block_bytes)
      throw IoError(fmt::format("{}: ends inside the FITS header at byte {} (truncated?)", where_, begin));
    for (std::size_t i = 0; i < block.size(); i += card_bytes) {
      const std::string_view card(block.data() + i, card_bytes);
      if (at == begin && i == 0 && !card.starts_with("XTENSION=") && !card.starts_with("SIMPLE  ="))
        throw DataError(fmt::format("{}: no FITS header at byte {} (damaged file?)", where_, begin));
      if (trim(card) == "END") {
        // Headers fill whole blocks; what follows END in its block is padding.
        data_begin_ = at + block_bytes;
        return;
      }
      add(card);
    }
  }
}

/// The first of repeated keywords counts; a string that ends with & goes on in a CONTINUE card.
void FitsHeader::add(std::string_view card) {
  const std::string key(trim(card.substr(0, 8)));
  // Part of the standard since 4.0 (section 4.2.1.2); names and units of columns may be longer than a card.
  if (key == "CONTINUE" && is_continued_) {
    Card& previous = cards_.back().second;
    const Card next = parse_value(card.substr(8));
    if (!previous.value.ends_with('&')) return;
    previous.value.pop_back();
    previous.value += next.value;
    return;
  }
  is_continued_ = card.substr(8, 2) == "= ";
  if (!is_continued_) return;
  places_.emplace(key, cards_.size());
  cards_.emplace_back(key, parse_value(card.substr(10)));
}

void FitsHeader::throw_bad(const std::string& key, const std::string& why) const {
  throw DataError(fmt::format("{}: FITS keyword {} {}", where_, key, why));
}

const Card* FitsHeader::find(const std::string& key) const {
  const auto place = places_.find(key);
  return place == places_.end() ? nullptr : &cards_[place->second].second;
}

std::optional<std::string> FitsHeader::text(const std::string& key) const {
  const Card* card = find(key);
  return card ? std::optional(card->value) : std::nullopt;
}

std::string FitsHeader::comment(const std::string& key) const {
  const Card* card = find(key);
  return card ? card->comment : "";
}

std::optional<std::int64_t> FitsHeader::integer(const std::string& key) const {
  const std::optional<std::string> value = text(key);
  if (!value) return std::nullopt;
  const std::optional<long long> whole = parse_integer(*value);
  if (!whole) throw_bad(key, fmt::format("= '{}' is not a whole number", *value));
  return *whole;
}

std::optional<double> FitsHeader::number(const std::string& key) const {
  const std::optional<std::string> value = text(key);
  if (!value) return std::nullopt;
  const std::optional<double> real = fits_number(*value);
  if (!real) throw_bad(key, fmt::format("= '{}' is not a number", *value));
  return real;
}

std::int64_t FitsHeader::count(const std::string& key, std::int64_t limit) const {
  const std::optional<std::int64_t> value = integer(key);
  if (!value) throw_bad(key, "is missing");
  if (*value < 0 || *value > limit) throw_bad(key, fmt::format("= {} (must be in 0 to {})", *value, limit));
  return *value;
}

bool FitsHeader::is_true(const std::string& key) const { return text(key) == "T"; }

/// Size of the data: |BITPIX| / 8 x GCOUNT x (PCOUNT + NAXIS1 x NAXIS2 ...), equation 2 of the standard. Random
/// groups, which have NAXIS1 = 0, leave that factor out.
std::int64_t FitsHeader::data_bytes() const {
  const std::int64_t axes = count("NAXIS", 999);
  std::optional<std::int64_t> elements = axes == 0 ? 0 : 1;
  for (std::int64_t axis = 1; axis <= axes && elements; ++axis) {
    const std::int64_t length = count(fmt::format("NAXIS{}", axis));
    if (axis == 1 && length == 0 && is_true("GROUPS")) continue;
    elements = product(*elements, length);
  }
  const std::int64_t bits = integer("BITPIX").value_or(8);
  if (bits < -64 || bits > 64) throw_bad("BITPIX", fmt::format("= {} (must be in -64 to 64)", bits));
  const std::int64_t extra = integer("PCOUNT").value_or(0), groups = integer("GCOUNT").value_or(1);
  // Far below the limit, so that the sums that callers make of it cannot overflow either.
  constexpr std::int64_t far = INT64_MAX / 4;
  if (extra < 0 || extra > far || groups < 0 || !elements || *elements > far) throw_bad("NAXIS", "and the like are absurd");
  const auto values = product(*elements + extra, groups);
  const auto bytes = values ? product(*values, std::abs(bits) / 8) : values;
  if (!bytes || *bytes > far) throw_bad("NAXIS", "and the like are absurd");
  return *bytes;
}

std::int64_t FitsHeader::end() const { return data_begin_ + (data_bytes() + block_bytes - 1) / block_bytes * block_bytes; }

}  // namespace skyfold
