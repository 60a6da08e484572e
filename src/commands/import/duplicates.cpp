// Rows whose id occurred before: by 64-bit hashes in shares that fit the memory, in tables that fit the cache; texts of equal hash
// are then compared as texts.
#include "duplicates.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "passes.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t chunk_rows = 1 << 17;
constexpr std::size_t buckets = 256;  // of a share: small enough for a processor's cache

struct HashedRow {
  std::uint64_t hash;
  std::int64_t row;
};

/// Finds hashes that occurred before, in the order of rows. An open table: the hashes are random already, and it is at most half full.
class SeenHashes {
 public:
  /// @param ranges  the hashes to come are those of one of so many equal ranges: the fraction of it that lies below chooses the place
  void start(std::size_t rows, std::size_t ranges) {
    // A power of two, so that a shift makes a place of a hash.
    const std::size_t places = std::bit_ceil(2 * rows + 2);
    table_.assign(places, {0, none});
    ranges_ = ranges;
    shift_ = 64 - std::countr_zero(places);
  }
  /// The last row with this hash, or `none`; the row takes its place.
  std::int64_t exchange(const HashedRow& row) {
    const std::size_t last = table_.size() - 1;
    for (std::size_t place = static_cast<std::size_t>((row.hash * ranges_) >> shift_);; place = (place + 1) & last) {
      HashedRow& here = table_[place];
      // The next place: the table is at most half full, so runs are short.
      if (here.row != none && here.hash != row.hash) continue;
      const std::int64_t before = here.row;
      here = row;
      return before;
    }
  }
  static constexpr std::int64_t none = -1;

 private:
  std::vector<HashedRow> table_;
  std::uint64_t ranges_ = 1;
  int shift_ = 0;
};

/// The ids of one share of the hash values, as they stand in the scratch files.
class Share {
 public:
  Share(const std::string& ids_path, const std::string& keys_path, std::int64_t rows, std::size_t share, std::size_t shares)
      : ids_(ids_path), keys_(keys_path), rows_(rows), share_(share), shares_(shares) {}

  /// Calls `use(hash, row)` for every row that is not dropped.
  template <class Use>
  void for_each(const Use& use) {
    for (std::int64_t begin = 0; begin < rows_; begin += chunk_rows) {
      id_.resize(static_cast<std::size_t>(std::min(chunk_rows, rows_ - begin)));
      key_.resize(id_.size());
      ids_.read(begin, id_);
      keys_.read(begin, key_);
      for (std::size_t i = 0; i < id_.size(); ++i) {
        const auto hash = static_cast<std::uint64_t>(id_[i]);
        // The leading part of the product: equal shares for any number of them.
        const auto its_share = static_cast<std::size_t>((static_cast<unsigned __int128>(hash) * shares_) >> 64);
        if (its_share == share_ && key_[i] != dropped_key) use(hash, begin + static_cast<std::int64_t>(i));
      }
    }
  }

 private:
  ScratchArray ids_, keys_;
  std::int64_t rows_;
  std::size_t share_, shares_;
  std::vector<std::int64_t> id_, key_;
};

/// Duplicates of one share, bucket by bucket.
std::vector<DuplicateId> duplicates_of(Share& share, std::size_t shares, std::int64_t ids) {
  std::array<std::vector<HashedRow>, buckets> rows;
  // An eighth more than the mean: hashes spread evenly, so few buckets must grow.
  for (auto& bucket : rows) bucket.reserve(static_cast<std::size_t>(ids) / buckets * 9 / 8);
  share.for_each([&](std::uint64_t hash, std::int64_t row) {
    const std::uint64_t within_share = hash * shares;  // the fraction that is left after the share's number is taken off
    rows[within_share >> 56].push_back({hash, row});
  });
  std::vector<DuplicateId> duplicates;
  SeenHashes seen;
  for (const auto& bucket : rows) {
    // One table is used again for all buckets: it stays in the processor's cache.
    seen.start(bucket.size(), shares * buckets);
    for (const HashedRow& row : bucket)  // in the order of the rows
      if (const std::int64_t before = seen.exchange(row); before != SeenHashes::none) duplicates.push_back({row.row, before});
  }
  return duplicates;
}

/// Ids of some rows of a block, NUL behind each; the rows lie in the block, in order.
std::string texts_of(const Inputs& inputs, std::size_t block, std::span<const std::int64_t> rows) {
  if (rows.empty()) return {};
  const InputBlock& input = inputs.blocks[block];
  Table table({inputs.schema.input[*find_column(inputs.schema.input, inputs.schema.roles.id)]});
  std::vector<BadCell> ignored;
  inputs.sources[input.source]->read(input.piece, table, ignored);
  std::string texts;
  for (const std::int64_t row : rows) {
    texts += table[0].text(static_cast<std::size_t>(row - input.rows.begin));
    texts += '\0';
  }
  return texts;
}

}  // namespace

std::vector<DuplicateId> with_same_text(const Ranks& ranks, const Inputs& inputs, const std::vector<DuplicateId>& by_hash) {
  if (by_hash.empty()) return {};
  std::vector<std::int64_t> rows;
  // Only rows whose hashes agree are read again, not the ids of the whole survey.
  for (const DuplicateId& pair : by_hash) {
    rows.push_back(pair.row);
    rows.push_back(pair.earlier_row);
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  const std::vector<std::string> blocks = ranks.run_units(inputs.blocks.size(), [&](std::size_t i) {
    const auto begin = std::lower_bound(rows.begin(), rows.end(), inputs.blocks[i].rows.begin);
    return texts_of(inputs, i, {begin, std::lower_bound(begin, rows.end(), inputs.blocks[i].rows.end)});
  });
  std::vector<DuplicateId> duplicates;
  std::unordered_map<std::string_view, std::int64_t> last;  // row of a text
  auto row = rows.begin();
  for (const std::string& texts : blocks)
    for (std::size_t begin = 0; begin < texts.size();) {
      const std::string_view text = std::string_view(texts).substr(begin, texts.find('\0', begin) - begin);
      // Views into `blocks`, which lives as long as the map.
      const auto [known, is_new] = last.try_emplace(text, *row);
      if (!is_new) duplicates.push_back({*row, std::exchange(known->second, *row)});
      ++row;
      begin += text.size() + 1;
    }
  return duplicates;
}

std::vector<DuplicateId> find_duplicate_ids(const Ranks& ranks, std::int64_t rows, const std::string& ids_path,
                                            const std::string& keys_path, std::int64_t memory_bytes) {
  const PhaseScope scope(ranks.clock(), Phase::compute);
  const auto bytes_per_id = static_cast<std::int64_t>(2 * sizeof(HashedRow));  // a bucket that grows is there twice
  const std::int64_t per_share = std::max<std::int64_t>(1, memory_bytes / bytes_per_id);
  // As many shares as the memory of all ranks together needs, and each rank gets equally many.
  const auto rounds = static_cast<std::size_t>(rows / (per_share * ranks.size()) + 1);
  const std::size_t shares = rounds * static_cast<std::size_t>(ranks.size());
  const auto texts = ranks.run_units(shares, [&](std::size_t i) {
    Share share(ids_path, keys_path, rows, i, shares);
    const std::vector<DuplicateId> found = duplicates_of(share, shares, rows / static_cast<std::int64_t>(shares) + 64);
    return std::string(reinterpret_cast<const char*>(found.data()), found.size() * sizeof(DuplicateId));
  });
  std::vector<DuplicateId> duplicates;
  for (const std::string& text : texts) {
    const std::size_t before = duplicates.size();
    duplicates.resize(before + text.size() / sizeof(DuplicateId));
    if (!text.empty()) std::memcpy(duplicates.data() + before, text.data(), text.size());
  }
  // Shares come by hash; messages and the list of rejects go by row.
  std::sort(duplicates.begin(), duplicates.end(), [](const DuplicateId& a, const DuplicateId& b) { return a.row < b.row; });
  return duplicates;
}

}  // namespace skyfold
