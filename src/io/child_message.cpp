// Numbers as their bytes, texts behind their lengths: both ends are the same program on the same machine.
#include "child_message.hpp"

#include <cstring>

#include "skyfold/core/error.hpp"

namespace skyfold {

ChildMessage& ChildMessage::put(std::int64_t number) {
  bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  return *this;
}

ChildMessage& ChildMessage::put(std::string_view text) {
  put(static_cast<std::int64_t>(text.size()));
  bytes_.append(text);
  return *this;
}

std::int64_t ChildMessage::number() {
  std::int64_t value = 0;
  std::memcpy(&value, take(sizeof value), sizeof value);
  return value;
}

std::string ChildMessage::text() {
  const auto size = static_cast<std::size_t>(number());
  return {take(size), size};
}

const char* ChildMessage::take(std::size_t bytes) {
  if (bytes > bytes_.size() - at_) throw IoError("what one process of skyfold told another is cut short");
  const char* place = bytes_.data() + at_;
  at_ += bytes;
  return place;
}

}  // namespace skyfold
