#include "import_duplicates.hpp"

#include <algorithm>
#include <cstring>

#include "import_passes.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t chunk_rows = 1 << 17;

struct HashedRow {
  std::uint64_t hash;
  std::int64_t row;
  auto operator<=>(const HashedRow&) const = default;
};

/// Rows whose hash lies in share `share` of `shares` equal shares.
std::vector<HashedRow> rows_of_share(ScratchArray& ids, ScratchArray& keys, std::int64_t rows, std::size_t share, std::size_t shares) {
  std::vector<HashedRow> found;
  found.reserve(static_cast<std::size_t>(rows) / shares + static_cast<std::size_t>(rows) / shares / 8 + 1024);
  std::vector<std::int64_t> id, key;
  for (std::int64_t begin = 0; begin < rows; begin += chunk_rows) {
    id.resize(static_cast<std::size_t>(std::min(chunk_rows, rows - begin)));
    key.resize(id.size());
    ids.read(begin, id);
    keys.read(begin, key);
    for (std::size_t i = 0; i < id.size(); ++i) {
      const auto hash = static_cast<std::uint64_t>(id[i]);
      const auto its_share = static_cast<std::size_t>((static_cast<unsigned __int128>(hash) * shares) >> 64);
      if (its_share == share && key[i] != dropped_key) found.push_back({hash, begin + static_cast<std::int64_t>(i)});
    }
  }
  return found;
}

}  // namespace

std::vector<DuplicateId> find_duplicate_ids(const Ranks& ranks, std::int64_t rows, const std::string& ids_path,
                                            const std::string& keys_path, std::int64_t memory_bytes) {
  const PhaseScope scope(ranks.clock(), Phase::other);
  const std::int64_t per_share = std::max<std::int64_t>(1, memory_bytes / static_cast<std::int64_t>(2 * sizeof(HashedRow)));
  const std::size_t rounds = static_cast<std::size_t>(rows / (per_share * ranks.size()) + 1);
  const std::size_t shares = rounds * static_cast<std::size_t>(ranks.size());
  std::unique_ptr<ScratchArray> ids, keys;
  ranks.together([&] {
    ids = std::make_unique<ScratchArray>(ids_path);
    keys = std::make_unique<ScratchArray>(keys_path);
  });
  const auto texts = ranks.run_units(shares, [&](std::size_t share) {
    std::vector<HashedRow> found = rows_of_share(*ids, *keys, rows, share, shares);
    std::sort(found.begin(), found.end());
    std::string text;
    for (std::size_t i = 1; i < found.size(); ++i) {
      if (found[i].hash != found[i - 1].hash) continue;
      const DuplicateId duplicate{found[i].row, found[i - 1].row};
      text.append(reinterpret_cast<const char*>(&duplicate), sizeof duplicate);
    }
    return text;
  });
  std::vector<DuplicateId> duplicates;
  for (const std::string& text : texts) {
    const std::size_t before = duplicates.size();
    duplicates.resize(before + text.size() / sizeof(DuplicateId));
    if (!text.empty()) std::memcpy(duplicates.data() + before, text.data(), text.size());
  }
  std::sort(duplicates.begin(), duplicates.end(), [](const DuplicateId& a, const DuplicateId& b) { return a.row < b.row; });
  return duplicates;
}

}  // namespace skyfold
