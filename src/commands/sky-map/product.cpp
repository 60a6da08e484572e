// What becomes of the sums: the table of pixels, and maps of it.
#include "product.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include "skyfold/io/healpix_map.hpp"
#include "skyfold/io/healpix_sum.hpp"
#include "skyfold/io/healsparse_map.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Pixels of the table, block by block, with the columns wanted as doubles.
void each_block_of_values(
    const std::string& table, const std::vector<ColumnInfo>& columns,
    const std::function<void(std::span<const std::int64_t> pixels, const std::vector<std::vector<double>>& values)>& use) {
  std::vector<std::string> names = {"pix"};
  for (const ColumnInfo& column : columns) names.push_back(column.name);
  std::vector<std::vector<double>> values(columns.size());
  each_pixel_block(table, names, [&](const Table& rows) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      values[c].resize(rows.rows());
      for (std::size_t i = 0; i < rows.rows(); ++i) values[c][i] = rows[c + 1].number(i);
    }
    use(rows[0].values<std::int64_t>(), values);
  });
}

std::vector<HealpixColumn> map_columns(const std::vector<ColumnInfo>& columns) {
  std::vector<HealpixColumn> all;
  for (const ColumnInfo& column : columns) all.push_back({column.name, column.unit, Type::f8});
  return all;
}

/// Writes stretches of a full map, from its first pixel to its last.
class FullMap {
 public:
  FullMap(const HealpixMapWriter& writer, std::size_t columns, std::int64_t pixels)
      : writer_(writer), pixels_(pixels), stretch_(std::min<std::int64_t>(pixels, std::int64_t{1} << 20)), values_(columns) {
    begin_stretch(0);
  }
  void put(std::int64_t pixel, const std::vector<std::vector<double>>& values, std::size_t row) {
    while (pixel >= begin_ + stretch_) next();
    for (std::size_t c = 0; c < values_.size(); ++c) values_[c][static_cast<std::size_t>(pixel - begin_)] = values[c][row];
  }
  void finish() {
    while (begin_ < pixels_) next();
  }

 private:
  void begin_stretch(std::int64_t begin) {
    begin_ = begin;
    stretch_ = std::min(stretch_, pixels_ - begin);
    for (auto& column : values_) column.assign(static_cast<std::size_t>(stretch_), nan);
  }
  void next() {
    std::vector<const std::byte*> bytes;
    for (const auto& column : values_) bytes.push_back(std::as_bytes(std::span(column)).data());
    writer_.write({begin_, begin_ + stretch_}, bytes);
    begin_stretch(begin_ + stretch_);
  }

  const HealpixMapWriter& writer_;
  std::int64_t pixels_, begin_ = 0, stretch_;
  std::vector<std::vector<double>> values_;
};

}  // namespace

MapRows::MapRows(const MapStatistics& statistics, PartsOf<PixelSumsCodec> parts, std::int64_t rows, bool is_ordered)
    : statistics_(statistics), parts_(std::move(parts)), rows_(rows), is_ordered_(is_ordered) {}

std::int64_t MapRows::count() const {
  std::int64_t pixels = 0;
  std::int64_t last = -1;
  if (is_ordered_)
    parts_.merge({0, rows_}, [&](RowRange, const sky_map::PixelSums& sums) {
      if (sums.size() == 0) return;
      pixels += static_cast<std::int64_t>(sums.size()) - (sums.pixels.front() == last ? 1 : 0);
      last = sums.pixels.back();
    });
  else
    each_final([&](const sky_map::PixelSums&, std::size_t end) { pixels += static_cast<std::int64_t>(end); });
  return pixels;
}

void MapRows::each_final(const std::function<void(sky_map::PixelSums&, std::size_t)>& use) const {
  const sky_map::SumsLayout& layout = statistics_.layout();
  if (!is_ordered_) {
    std::vector<sky_map::PixelSums> parts;
    parts_.merge({0, rows_}, [&](RowRange, sky_map::PixelSums sums) { parts.push_back(std::move(sums)); });
    sky_map::PixelSums all = joined(layout, parts);
    settle_medians(layout, all, 0, all.size());
    use(all, all.size());
    return;
  }
  // The last pixel of a block waits for the next block, where it may go on.
  sky_map::PixelSums pending;
  parts_.merge({0, rows_}, [&](RowRange, const sky_map::PixelSums& sums) {
    append(layout, pending, sums);
    if (pending.size() < 2) return;
    settle_medians(layout, pending, 0, pending.size() - 1);
    use(pending, pending.size() - 1);
    pending = last_pixel(layout, pending);
  });
  settle_medians(layout, pending, 0, pending.size());
  use(pending, pending.size());
}

void MapRows::each_block(int order, const std::function<void(const Table&, std::int64_t)>& use) const {
  Table rows(map_schema(statistics_, order));
  std::int64_t first = 0;
  each_final([&](sky_map::PixelSums& sums, std::size_t end) {
    constexpr auto block = static_cast<std::size_t>(zone_rows);
    for (std::size_t begin = 0; begin < end; begin += block) {
      fill_rows(statistics_, order, sums, begin, std::min(begin + block, end), rows);
      use(rows, first);
      first += static_cast<std::int64_t>(rows.rows());
    }
  });
}

void each_pixel_block(const std::string& table, const std::vector<std::string>& columns, const std::function<void(const Table&)>& use) {
  const RowReader reader(table, "/object", ZoneCheck::off);
  Schema schema;
  for (const std::string& name : columns)
    if (!find_column(schema, name)) schema.push_back(reader.schema()[*find_column(reader.schema(), name)]);
  Table rows(schema);
  for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
    reader.read({begin, std::min(begin + zone_rows, reader.rows())}, rows);
    use(rows);
  }
}

void write_healpix_map(const std::string& path, const std::string& table, int order, const std::vector<ColumnInfo>& columns, bool is_full,
                       const std::string& creator) {
  HealpixMapLayout layout{1L << order, true, Frame::equatorial, false, map_columns(columns), {creator}};
  if (!is_full) layout.listed = RowReader(table, "/object", ZoneCheck::off).rows();
  HealpixMapWriter::create(path, layout);
  const HealpixMapWriter writer(path, layout);
  if (is_full) {
    FullMap map(writer, columns.size(), pixel_count(order));
    each_block_of_values(table, columns, [&](std::span<const std::int64_t> pixels, const std::vector<std::vector<double>>& values) {
      for (std::size_t i = 0; i < pixels.size(); ++i) map.put(pixels[i], values, i);
    });
    map.finish();
  } else {
    std::int64_t at = 0;
    each_block_of_values(table, columns, [&](std::span<const std::int64_t> pixels, const std::vector<std::vector<double>>& values) {
      std::vector<const std::byte*> bytes = {std::as_bytes(pixels).data()};
      for (const auto& column : values) bytes.push_back(std::as_bytes(std::span(column)).data());
      writer.write({at, at + std::ssize(pixels)}, bytes);
      at += std::ssize(pixels);
    });
  }
  writer.sync();
  write_data_sum(path, data_sum_of(HealpixMapFile(path)));
}

void write_healsparse_map(const std::string& path, const std::string& table, int order, int coverage_order,
                          const std::vector<ColumnInfo>& columns, const std::string& creator) {
  const int shift = 2 * (order - coverage_order);
  HealsparseLayout layout{coverage_order, order, map_columns(columns), {}, creator};
  each_block_of_values(table, {}, [&](std::span<const std::int64_t> pixels, const auto&) {
    for (const std::int64_t pixel : pixels)
      if (layout.covered.empty() || layout.covered.back() != pixel >> shift) layout.covered.push_back(pixel >> shift);
  });
  HealsparseWriter writer(path, layout);
  const std::vector<std::vector<double>> nothing(columns.size(), std::vector<double>(static_cast<std::size_t>(layout.fine()), nan));
  std::vector<std::vector<double>> fine = nothing;
  std::size_t place = 0;
  each_block_of_values(table, columns, [&](std::span<const std::int64_t> pixels, const std::vector<std::vector<double>>& values) {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      if (pixels[i] >> shift != layout.covered[place]) {
        writer.write(place++, fine);
        fine = nothing;
      }
      for (std::size_t c = 0; c < columns.size(); ++c) fine[c][static_cast<std::size_t>(pixels[i] & (layout.fine() - 1))] = values[c][i];
    }
  });
  if (!layout.covered.empty()) writer.write(place, fine);
  writer.finish();
}

}  // namespace skyfold
