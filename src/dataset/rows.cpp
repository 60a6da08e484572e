// Products that have a row for each row of a catalogue: they are laid out empty, filled by position from all ranks, and finished
// like a catalogue, with a FITS copy if one is asked for.
#include "skyfold/dataset/rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"

namespace skyfold {

// FITS needs the texts before the header: their longest decides the width, their characters the encoding.
EachText texts_in(const RowReader& reader, const Schema& schema) {
  Schema texts;
  for (const ColumnInfo& column : schema)
    if (const auto index = find_column(reader.schema(), column.name); index && column.type == Type::text)
      texts.push_back(reader.schema()[*index]);
  return [&reader, texts](const std::function<void(const Table&)>& use) {
    if (texts.empty()) return;
    Table block(texts);
    for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
      reader.read({begin, std::min(begin + zone_rows, reader.rows())}, block);
      use(block);
    }
  };
}

namespace {

/// Fills the FITS table from the rows of the HDF5 file; collective. Returns the sum of the rows.
std::uint32_t fill_fits(const Ranks& ranks, const RowProduct& product, const FitsLayout& layout) {
  std::optional<RowReader> rows;
  std::optional<FitsRowWriter> fits;
  ranks.together([&] {
    rows.emplace(product.rows, "/object", ZoneCheck::off);
    fits.emplace(product.fits, layout);
  });
  Table block(layout.schema);
  const auto count = static_cast<std::size_t>((layout.rows + zone_rows - 1) / zone_rows);
  std::uint32_t sum = 0;
  // FITS checksums are sums, so those of the zones add up to that of the table in any order.
  for (const std::string& text : ranks.run_units(count, [&](std::size_t zone) {
         const std::int64_t begin = static_cast<std::int64_t>(zone) * zone_rows;
         rows->read({begin, std::min(begin + zone_rows, layout.rows)}, block);
         const Table* tables[] = {&block};
         return std::to_string(fits->write(begin, tables));
       }))
    sum = add_fits_sums(sum, static_cast<std::uint32_t>(std::stoull(text)));
  ranks.together([&] { fits->sync(); });
  return sum;
}

}  // namespace

void create_product_fits(const RowProduct& product, const std::string& extension_name, const EachText& each_text, FitsOrder order) {
  FitsTexts texts;
  each_text([&](const Table& table) { texts.add(table); });
  for (const std::string& name : texts.encoded())
    if (find_column(product.layout.schema, name))
      log_warning(
          fmt::format("column {} has texts beyond printable ASCII, which FITS cannot hold: there their bytes, and the percent sign, are "
                      "written as %XX",
                      name));
  create_fits(product.fits, product.layout.schema, product.layout.rows, extension_name,
              {product.layout.creator, "provenance: " + product.layout.provenance}, texts, order);
}

void create_product(const RowProduct& product, const std::string& extension_name, const EachText& texts) {
  // All bytes are laid out before the run, so that ranks write by position, without a word to one another.
  create_catalogue(product.rows, product.layout);
  if (!product.fits.empty() && product.is_fits_along) create_product_fits(product, extension_name, texts);
}

void take_rows(const std::string& from, const std::string& to, const std::string& group) {
  const RowReader reader(from, group, ZoneCheck::off);  // the journal knows which rows are not what they were
  RowWriter writer(to, group);
  // The user may have put another file there since.
  if (reader.rows() != writer.rows())
    throw DataError(fmt::format("{}: has {} rows instead of {} (start over with --fresh)", from, reader.rows(), writer.rows()));
  for (std::size_t i = 0; i < writer.schema().size(); ++i) {
    const ColumnInfo& info = writer.schema()[i];
    const auto column = find_column(reader.schema(), info.name);
    if (!column || reader.schema()[*column].type != info.type || reader.schema()[*column].width != info.width)
      throw DataError(fmt::format("{}: no column {} as the run had made it (start over with --fresh)", from, info.name));
    // Column by column as bytes, so that no value is converted on the way.
    std::vector<std::byte> bytes;
    for (std::int64_t begin = 0; begin < reader.rows(); begin += zone_rows) {
      const RowRange rows{begin, std::min(begin + zone_rows, reader.rows())};
      bytes.resize(static_cast<std::size_t>(rows.size()) * info.bytes_per_row());
      reader.read(*column, rows, bytes);
      writer.write(i, begin, bytes);
    }
  }
  writer.sync();
}

void finish_product(const Ranks& ranks, const RowProduct& product, std::optional<std::uint32_t> fits_sum) {
  finalise_catalogue(ranks, product.rows);
  if (product.fits.empty()) return;
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  FitsLayout layout;
  ranks.together([&] { layout = open_fits(product.fits, product.layout.schema, product.layout.rows); });
  // Along with the run the sum comes from the jobs' results; after a resume it may be unknown, and the file is read for it.
  if (!product.is_fits_along) fits_sum = fill_fits(ranks, product, layout);
  ranks.on_first_only([&] { finish_fits(product.fits, layout, fits_sum ? *fits_sum : fits_data_sum(product.fits, layout)); });
}

ProductWriter::ProductWriter(const RowProduct& product) : rows_(product.rows) {
  if (!product.fits.empty() && product.is_fits_along)
    fits_.emplace(product.fits, open_fits(product.fits, product.layout.schema, product.layout.rows));
}

void ProductWriter::write(std::int64_t first_row, std::span<const Table* const> tables, JobResult& result) {
  std::int64_t row_count = 0;
  for (std::size_t i = 0; i < schema().size(); ++i) {
    const Column* column = nullptr;
    for (const Table* table : tables)
      if (!column) column = table->find(schema()[i].name);
    // Columns come from several tables, of the catalogue and of the kernel; the first that has it wins.
    if (!column) throw std::logic_error("no column " + schema()[i].name + " for the product");
    rows_.write(i, first_row, column->bytes());
    result.checksum = hash_bytes(column->bytes(), result.checksum);
    result.bytes_written += std::ssize(column->bytes());
    row_count = std::ssize(column->bytes()) / static_cast<std::int64_t>(schema()[i].bytes_per_row());
  }
  if (!fits_) return;
  result.fits_sum = add_fits_sums(static_cast<std::uint32_t>(result.fits_sum), fits_->write(first_row, tables));
  result.bytes_written += row_count * static_cast<std::int64_t>(bytes_per_row(schema()));
}

std::optional<std::uint64_t> ProductWriter::stored_checksum(RowRange rows, std::uint64_t chained) {
  Table there(schema(), static_cast<std::size_t>(rows.size()));
  for (std::size_t i = 0; i < schema().size(); ++i) {
    rows_.read(i, rows, there[i].bytes());
    chained = hash_bytes(there[i].bytes(), chained);
  }
  const Table* tables[] = {&there};
  // Both files must have the rows: the journal's checksum is of the HDF5 columns alone.
  return fits_ && !fits_->holds(rows.begin, tables) ? std::nullopt : std::optional(chained);
}

void ProductWriter::sync() {
  rows_.sync();
  if (fits_) fits_->sync();
}

}  // namespace skyfold
