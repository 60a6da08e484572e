// Messages that are under way. MPI may read their bytes until they have left, so they live here until then.
#include "outbox.hpp"

#include <algorithm>

namespace skyfold {

Outbox::~Outbox() {
  // What has left gives its memory back now: there is no other time when somebody looks.
  clean();
  if (!letters_.empty()) new std::list<Letter>(std::move(letters_));  // on purpose nobody's
}

void Outbox::post(int to, int tag, std::span<const std::byte> bytes) {
  clean();
  Letter& letter = letters_.emplace_back(Letter{to, 0, {bytes.begin(), bytes.end()}});
  letter.message = carrier_.start(to, tag, letter.bytes);
}

void Outbox::clean() {
  std::erase_if(letters_, [this](const Letter& letter) { return carrier_.has_left(letter.message); });
}

std::size_t Outbox::waiting(int to) const {
  return static_cast<std::size_t>(std::count_if(letters_.begin(), letters_.end(), [to](const Letter& letter) { return letter.to == to; }));
}

}  // namespace skyfold
