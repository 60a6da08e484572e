#include <fmt/core.h>

#include <fstream>
#include <memory>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/io/source.hpp"
#include "workloads.hpp"

namespace skyfold::guard {
namespace {

/// An HDF5 and a FITS product of one table, and what writes its rows as commands do.
struct Product {
  /// @param path  of both files, without ending
  explicit Product(const std::string& path) : rows(path + ".h5"), fits(path + ".fits") {
    const auto n = static_cast<std::int64_t>(table.rows());
    create_columns(rows, {{"/object", table.schema(), n}}, {});
    create_fits(fits, table.schema(), n, "ROWS", {});
    row_writer = std::make_unique<RowWriter>(rows);
    fits_writer = std::make_unique<FitsRowWriter>(fits, open_fits(fits, table.schema(), n));
  }
  void write() const {
    const Table* tables[] = {&table};
    std::uint64_t checksum = 0;
    row_writer->write(0, table);
    for (std::size_t c = 0; c < table.columns(); ++c) checksum = hash_bytes(table[c].bytes(), checksum);
    fits_writer->write(0, tables);
  }
  std::string rows, fits;
  Table table = survey_rows({0, 4'000});
  std::unique_ptr<RowWriter> row_writer;
  std::unique_ptr<FitsRowWriter> fits_writer;
};

Workload writing(const std::string& folder) {
  const auto product = std::make_shared<Product>(folder + "/written");
  return {product->table.rows(), [product] { product->write(); }};
}

Workload reading(const std::string& path) {
  const std::shared_ptr<Source> source = open_source(path, {});
  return {static_cast<std::size_t>(source->rows()), [source, table = Table(source->schema())]() mutable {
            std::vector<BadCell> bad;
            for (const Piece& piece : source->pieces(1'000)) source->read(piece, table, bad);
          }};
}

Workload reading_fits(const std::string& folder) {
  const Product product(folder + "/table");
  product.write();
  return reading(product.fits);
}

Workload reading_csv(const std::string& folder) {
  const Table table = survey_rows({0, 2'000});
  const std::string path = folder + "/table.csv";
  std::ofstream file(path);
  for (std::size_t c = 0; c < table.columns(); ++c) file << (c > 0 ? "," : "") << table[c].info().name;
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (std::size_t c = 0; c < table.columns(); ++c) {
      file << (c > 0 ? "," : "\n");
      if (table[c].info().type == Type::text)
        file << table[c].text(row);
      else if (table[c].info().type == Type::i8)
        file << table[c].integer(row);
      else
        file << fmt::format("{:.9g}", table[c].number(row));
    }
  file << "\n" << std::flush;
  return reading(path);
}

Workload sorting() {
  constexpr std::size_t n = 20'000;
  std::vector<std::int64_t> keys(n);
  for (std::size_t i = 0; i < n; ++i) keys[i] = static_cast<std::int64_t>(mix64(i) >> 2);
  return {n, [keys] { (void)stable_order(keys); }};
}

}  // namespace

std::vector<NamedWorkload> file_workloads(const std::string& folder) {
  return {
      {"rows.write", [=] { return writing(folder); }},
      {"import.fits", [=] { return reading_fits(folder); }},
      {"import.csv", [=] { return reading_csv(folder); }},
      {"import.sort", sorting},
  };
}

}  // namespace skyfold::guard
