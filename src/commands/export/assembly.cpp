// What ranks do together for an export to one file: they look through the rows, each a share of them, and put the parts in their places.
#include "assembly.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// Rows of a rank, one behind the other, so that what is found in them is short to tell.
RowRange share_of(const Ranks& ranks, std::int64_t rows) {
  return {rows * ranks.rank() / ranks.size(), rows * (ranks.rank() + 1) / ranks.size()};
}

void copy_to(const std::string& part, const File& file, std::int64_t at) {
  const File from = File::for_reading(part);
  std::vector<std::byte> buffer(std::size_t{4} << 20);
  const std::int64_t size = from.size();
  for (std::int64_t done = 0; done < size;) {
    const auto bytes = std::span(buffer).first(static_cast<std::size_t>(std::min<std::int64_t>(size - done, std::ssize(buffer))));
    from.read(done, bytes);
    file.write(at + done, bytes);
    done += std::ssize(bytes);
  }
}

void add_pixels(std::span<const std::int64_t> keys, int order, std::vector<KeyRange>& ranges) {
  for (const std::int64_t key : keys) {
    const std::int64_t pixel = pixel_of(key, order);
    const KeyRange range{first_key(pixel, order), first_key(pixel + 1, order)};
    // In the order of the sky most rows are in the pixel of the one before.
    if (ranges.empty() || !(ranges.back() == range)) ranges.push_back(range);
  }
}

}  // namespace

void assemble(const Ranks& ranks, const std::string& path, const std::string& head, const std::vector<std::string>& parts,
              const std::string& tail) {
  ranks.on_first_only([&] {
    std::int64_t end = std::ssize(head);
    for (const std::string& part : parts) end += static_cast<std::int64_t>(std::filesystem::file_size(part));
    File file = File::created(path);
    file.reserve(0, end + std::ssize(tail));
    file.write(0, head);
    file.write(end, tail);
    file.close();
  });
  ranks.each_together([&] {
    File file = File::for_update(path);
    std::int64_t at = std::ssize(head);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (static_cast<int>(i % static_cast<std::size_t>(ranks.size())) == ranks.rank()) copy_to(parts[i], file, at);
      at += static_cast<std::int64_t>(std::filesystem::file_size(parts[i]));
    }
    file.sync();
    file.close();
  });
}

std::set<std::string> columns_beyond_ascii(const Ranks& ranks, std::int64_t rows, const std::function<void(RowRange, Table&)>& read,
                                           const Schema& schema) {
  Schema texts;
  std::ranges::copy_if(schema, std::back_inserter(texts), [](const ColumnInfo& info) { return info.type == Type::text; });
  if (texts.empty()) return {};
  std::set<std::string> found;
  ranks.each_together([&] {
    const RowRange share = share_of(ranks, rows);
    Table block(texts);
    for (std::int64_t begin = share.begin; begin < share.end; begin += zone_rows) {
      read({begin, std::min(begin + zone_rows, share.end)}, block);
      for (std::size_t c = 0; c < block.columns(); ++c)
        if (std::ranges::any_of(block[c].values<char>(), [](char byte) { return static_cast<unsigned char>(byte) >= 0x80; }))
          found.insert(block[c].info().name);
    }
  });
  // Names of columns have no line ends.
  for (const std::string& names : ranks.gather(join(std::vector<std::string>(found.begin(), found.end()), "\n")))
    for (const std::string& name : split(names, '\n'))
      if (!name.empty()) found.insert(name);
  return found;
}

Region covered_pixels(const Ranks& ranks, const ChosenRows& rows, int order) {
  // Some numbers: what is kept is the pixels of a part of the rows, before they are made into ranges.
  constexpr std::size_t many = 4'000'000;
  std::vector<KeyRange> ranges;
  ranks.each_together([&] {
    const Catalogue& catalogue = rows.catalogue();
    const auto column = find_column(catalogue.schema(), healpix_column);
    if (!column)
      throw DataError(
          fmt::format("{}: has no column {}, so no footprint (import makes it from positions)", catalogue.path(), healpix_column));
    Table keys;
    keys.add(catalogue.schema()[*column]);
    const RowRange share = share_of(ranks, rows.size());
    for (std::int64_t begin = share.begin; begin < share.end; begin += zone_rows) {
      rows.read({begin, std::min(begin + zone_rows, share.end)}, keys);
      add_pixels(keys[0].values<std::int64_t>(), order, ranges);
      if (ranges.size() > many) ranges = united(std::move(ranges));
    }
  });
  const Region mine = united(std::move(ranges));
  std::vector<KeyRange> all;
  for (const std::string& text : ranks.gather({reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(KeyRange)})) {
    const std::size_t count = text.size() / sizeof(KeyRange);
    all.resize(all.size() + count);
    std::memcpy(all.data() + all.size() - count, text.data(), count * sizeof(KeyRange));
  }
  return united(std::move(all));
}

}  // namespace skyfold
