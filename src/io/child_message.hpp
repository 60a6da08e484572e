#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skyfold {

/// Numbers and texts one behind the other, as one process of ours tells them to another.
class ChildMessage {
 public:
  ChildMessage() = default;
  explicit ChildMessage(std::string bytes) : bytes_(std::move(bytes)) {}

  ChildMessage& put(std::int64_t number);
  ChildMessage& put(std::string_view text);
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  /// The next number or text, in the order in which they were put. Throws IoError at the end.
  [[nodiscard]] std::int64_t number();
  [[nodiscard]] std::string text();

 private:
  const char* take(std::size_t bytes);

  std::string bytes_;
  std::size_t at_ = 0;
};

}  // namespace skyfold
