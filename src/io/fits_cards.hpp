#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "fits_text.hpp"

namespace skyfold {

/// FITS cards of a header (FITS Standard 4.0, section 4).
class FitsCards {
 public:
  static constexpr std::size_t card_bytes = 80, block_bytes = 2880;

  void text(const std::string& key, const std::string& value, const std::string& comment) {
    std::string quoted;
    for (const char c : cut_to_card(fits_text(value), 60)) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    // Texts of at least eight characters: XTENSION must have them (FITS Standard 4.0, section 4.2.1.1).
    add(fmt::format("{:<8}= {:<20} / {}", key, fmt::format("'{:<8}'", quoted), comment));
  }
  void number(const std::string& key, std::int64_t value, const std::string& comment) {
    add(fmt::format("{:<8}= {:>20} / {}", key, value, comment));
  }
  void real(const std::string& key, double value, const std::string& comment) {
    add(fmt::format("{:<8}= {:>20.5E} / {}", key, value, comment));
  }
  /// All digits of a double, as coordinates need them.
  void exact(const std::string& key, double value, const std::string& comment) {
    const std::string digits = fmt::format("{:.17G}", value);
    // A number without a point would be a whole one.
    add(fmt::format("{:<8}= {:>20} / {}", key, digits.find_first_of(".E") == std::string::npos ? digits + ".0" : digits, comment));
  }
  void truth(const std::string& key, bool value, const std::string& comment) {
    add(fmt::format("{:<8}= {:>20} / {}", key, value ? "T" : "F", comment));
  }
  void history(const std::string& text) {
    const std::string line = fits_text(text);
    // History has no form but a card's length: a long line goes on in the next one.
    for (std::size_t at = 0; at < line.size(); at += card_bytes - 8) add("HISTORY " + line.substr(at, card_bytes - 8));
  }
  [[nodiscard]] std::string finished() && {
    add("END");
    text_.resize((text_.size() + block_bytes - 1) / block_bytes * block_bytes, ' ');
    return std::move(text_);
  }

 private:
  void add(const std::string& card) { text_ += fmt::format("{:<80}", card).substr(0, card_bytes); }
  std::string text_;
};

}  // namespace skyfold
