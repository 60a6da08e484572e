#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Finds many columns of one schema by name; each in the same time, however many there are.
class ColumnIndex {
 public:
  ColumnIndex() = default;
  /// The schema may end before the index does. Of two columns of one name the first is found.
  explicit ColumnIndex(const Schema& schema) {
    places_.reserve(schema.size());
    for (std::size_t i = 0; i < schema.size(); ++i) places_.try_emplace(schema[i].name, i);
  }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const noexcept {
    const auto found = places_.find(name);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>()(name); }
  };
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> places_;
};

}  // namespace skyfold
