// Parquet files as inputs: their columns as columns of skyfold, units from their metadata, pieces along row groups.
#include "source_parquet.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "parquet_read.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_notes.hpp"
#include "votable.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t scan_rows = 1 << 20;   // whose texts are measured together
constexpr std::size_t longest_text = 65'536;  // bytes of a cell
constexpr const char* votable_key = "IVOA.VOTable-Parquet.content";

/// A file, and where its rows begin in the table.
struct PlacedFile {
  ParquetFile file;
  std::int64_t first_row = 0;
};

class ParquetSource final : public Source {
 public:
  ParquetSource(std::string path, std::vector<ParquetFooter> footers, const ScanRunner& run) : path_(std::move(path)) {
    // The first file names the columns and their order; parquet_footers() has made sure that all have the same.
    std::vector<ParquetElement> elements = footers.front().columns;
    for (std::size_t i = 0; i < footers.size(); ++i) {
      if (i > 0) add_missing(footers[i].columns, elements);
      files_.push_back({std::move(footers[i].file), rows_});
      rows_ += files_.back().file.rows;
    }
    for (const ParquetElement& element : elements) add_column(parquet_column(element, rows_));
    take_units(footers.front().metadata);
    measure_texts(run);
    for (const ParquetColumn& column : columns_) schema_.push_back(column.info);
  }

  const std::string& path() const noexcept override { return path_; }
  const Schema& schema() const noexcept override { return schema_; }
  const std::vector<LeftOut>& left_out() const noexcept override { return left_out_; }
  std::int64_t rows() const noexcept override { return rows_; }
  bool is_void(std::size_t column) const override { return columns_[column].is_void; }

  /// Whole row groups together, and large ones cut evenly.
  std::vector<Piece> pieces(std::int64_t rows) const override {
    std::vector<Piece> pieces;
    for (const PlacedFile& placed : files_) {
      Piece piece{placed.first_row, 0, 0, 0};
      const auto close = [&] {
        if (piece.rows > 0) pieces.push_back(piece);
        piece = {piece.first_row + piece.rows, 0, 0, 0};
      };
      for (const std::int64_t group : placed.file.row_groups) {
        // A row group is what Parquet reads and unpacks at once: a piece that began within one would unpack it twice.
        if (piece.rows + group > rows) close();
        const std::int64_t parts = (group + rows - 1) / rows;
        if (parts <= 1) {
          piece.rows += group;
          continue;
        }
        for (std::int64_t part = 0; part < parts; ++part) {
          piece.rows = group * (part + 1) / parts - group * part / parts;
          close();
        }
      }
      close();
    }
    return pieces;
  }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    const std::vector<std::size_t> matched = match_columns(*this, out);
    for (std::size_t i = 0; i < matched.size(); ++i) check_widening(path_, schema_[matched[i]], out[i].info());
    out.resize(static_cast<std::size_t>(piece.rows));
    if (matched.empty()) return;
    std::vector<const ParquetColumn*> columns;
    for (const std::size_t c : matched) columns.push_back(&columns_[c]);
    const std::int64_t end = piece.first_row + piece.rows;
    for (std::int64_t row = piece.first_row; row < end;) {
      const PlacedFile& placed = file_of(row);
      // Pieces end with their file, but whoever asks for other rows gets them from several.
      const std::int64_t count = std::min(end, placed.first_row + placed.file.rows) - row;
      std::vector<BadCell> found;
      read_parquet(placed.file, columns, row - placed.first_row, count, out, static_cast<std::size_t>(row - piece.first_row),
                   placed.first_row, found);
      for (BadCell& cell : found) {
        // The row that is told is that of the table; in a folder of files nobody finds it by that alone.
        if (files_.size() > 1) cell.problem += fmt::format(" ({}, row {})", placed.file.path, cell.row - placed.first_row + 1);
        bad.push_back(std::move(cell));
      }
      row += count;
    }
  }

 private:
  /// Adds what another file's statistics say of missing values.
  static void add_missing(const std::vector<ParquetElement>& others, std::vector<ParquetElement>& elements) {
    for (ParquetElement& element : elements) {
      const auto other = std::ranges::find_if(others, [&](const ParquetElement& e) { return e.name == element.name; });
      // One file without statistics makes the sum unknown, and unknown means that values may be missing.
      element.missing = element.missing < 0 || other->missing < 0 ? -1 : element.missing + other->missing;
    }
  }

  void add_column(ParquetColumn column) {
    if (!column.left_out.empty()) {
      left_out_.push_back({column.info.name, column.left_out});
      return;
    }
    if (!column.remark.empty()) note_once(fmt::format("{}: column {}: {}", path_, column.info.name, column.remark));
    columns_.push_back(std::move(column));
  }

  void take_units(const std::vector<std::pair<std::string, std::string>>& metadata) {
    const auto entry = std::ranges::find_if(metadata, [](const auto& pair) { return pair.first == votable_key; });
    if (entry == metadata.end()) return;
    try {
      for (const VotableField& field : votable_fields(entry->second))
        for (ParquetColumn& column : columns_) {
          if (column.info.name != field.name) continue;
          // The type of a date is told already.
          if (column.remark.empty()) column.info.unit = field.unit;
          column.info.ucd = field.ucd;
          column.info.description = field.description;
        }
    } catch (const DataError& error) {
      log_warning(fmt::format("{}: its metadata {} is no VOTable ({}): units of columns are not known", path_, votable_key, error.what()));
    }
  }

  void measure_texts(const ScanRunner& run) {
    std::vector<ParquetColumn*> texts;
    std::vector<std::string> lengths;
    for (ParquetColumn& column : columns_) {
      if (column.length.empty()) continue;
      texts.push_back(&column);
      // Texts of Parquet have any length, columns here a fixed one: all are measured before the first is read.
      lengths.push_back(column.length);
      column.info.width = 1;
    }
    if (texts.empty()) return;
    std::vector<std::pair<std::size_t, std::int64_t>> units;  // files and first rows
    for (std::size_t i = 0; i < files_.size(); ++i)
      for (std::int64_t row = 0; row < files_[i].file.rows; row += scan_rows) units.emplace_back(i, row);
    const auto measure = [&](std::size_t unit) {
      ChildMessage packet;
      for (const std::int64_t bytes : longest_parquet_texts(files_[units[unit].first].file, lengths, units[unit].second, scan_rows))
        packet.put(bytes);
      return packet.bytes();
    };
    for (std::string& found : run(units.size(), measure)) {
      ChildMessage packet(std::move(found));
      for (ParquetColumn* text : texts) text->info.width = std::max(text->info.width, static_cast<std::size_t>(packet.number()));
    }
    leave_out_long_texts();
  }

  void leave_out_long_texts() {
    for (const ParquetColumn& column : columns_)
      if (column.info.type == Type::text && column.info.width > longest_text)
        left_out_.push_back({column.info.name, fmt::format("has texts of {} bytes", grouped(static_cast<long long>(column.info.width)))});
    // A single long text would make each row as long: such columns are told and left out.
    std::erase_if(columns_, [](const ParquetColumn& column) { return column.info.type == Type::text && column.info.width > longest_text; });
  }

  [[nodiscard]] const PlacedFile& file_of(std::int64_t row) const {
    // Of files without rows that begin at the same row it is the last one, which has the row.
    const auto after = std::ranges::upper_bound(files_, row, {}, &PlacedFile::first_row);
    return *std::prev(after);
  }

  std::string path_;
  std::vector<PlacedFile> files_;
  std::vector<ParquetColumn> columns_;
  std::vector<LeftOut> left_out_;
  Schema schema_;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_parquet_files(const std::string& path, std::vector<ParquetFooter> footers, const ScanRunner& run) {
  return std::make_unique<ParquetSource>(path, std::move(footers), run);
}

std::unique_ptr<Source> open_parquet_source(const std::string& path, const ScanRunner& run) {
  return open_parquet_files(path, parquet_footers({path}, run), run);
}

}  // namespace skyfold
