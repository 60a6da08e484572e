#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace skyfold {

/// A card of a FITS header that says something: keyword, value, comment.
struct HeaderCard {
  std::string key;  ///< at most 8 characters
  std::variant<bool, std::int64_t, double, std::string> value;
  std::string comment = {};
};
using HeaderCards = std::vector<HeaderCard>;

}  // namespace skyfold
