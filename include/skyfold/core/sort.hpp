#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace skyfold {

/// Order that sorts `keys` increasingly and keeps equal keys as they stand: keys[order[0]] <= keys[order[1]] <= ...
[[nodiscard]] std::vector<std::size_t> stable_order(std::span<const std::int64_t> keys);

}  // namespace skyfold
