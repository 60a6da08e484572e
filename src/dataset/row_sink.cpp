// One writer for the rows of every answer: texts go out as they come, files are laid out when all rows are counted.
#include "skyfold/dataset/row_sink.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include "row_spool.hpp"
#include "scratch_folder.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/dataset/rows.hpp"
#include "skyfold/io/parquet_file.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t parquet_rows = 1'000'000;                  // of one file, as `export` has them
constexpr std::int64_t parquet_bytes = std::int64_t{256} << 20U;  // likewise

/// Lines in columns as wide as their first rows need.
class ScreenText {
 public:
  [[nodiscard]] std::string lines(const Table& rows) {
    std::vector<std::vector<std::string>> cells;
    if (width_.empty()) cells.push_back(names_of(rows.schema()));
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      std::vector<std::string>& line = cells.emplace_back();
      for (std::size_t c = 0; c < rows.columns(); ++c) add_cells(rows[c], row, line);
    }
    std::string text;
    width_.resize(cells.empty() ? width_.size() : cells.front().size());
    for (const auto& line : cells)
      for (std::size_t c = 0; c < line.size(); ++c) width_[c] = std::max(width_[c], line[c].size());
    for (const auto& line : cells) {
      std::string joined;
      for (std::size_t c = 0; c < line.size(); ++c) joined += fmt::format("{}{:>{}}", c == 0 ? "" : "  ", line[c], width_[c]);
      text += joined + "\n";
    }
    return text;
  }

 private:
  static std::size_t cells_of(const ColumnInfo& info) { return info.type == Type::text ? 1 : info.width; }
  static std::vector<std::string> names_of(const Schema& schema) {
    std::vector<std::string> names;
    for (const ColumnInfo& info : schema)
      for (std::size_t e = 0; e < cells_of(info); ++e)
        names.push_back(one_line(cells_of(info) == 1 ? info.name : fmt::format("{}_{}", info.name, e)));
    return names;
  }
  static void add_cells(const Column& column, std::size_t row, std::vector<std::string>& line) {
    const ColumnInfo& info = column.info();
    for (std::size_t e = 0; e < cells_of(info); ++e) {
      if (info.type == Type::text)
        line.push_back(one_line(std::string(column.text(row))));
      else if (info.type == Type::f4)
        line.push_back(shortest(static_cast<float>(column.number(row, e))));
      else if (info.type == Type::f8)
        line.push_back(shortest(column.number(row, e)));
      else
        line.push_back(info.null && *info.null == column.integer(row, e) ? "-" : std::to_string(column.integer(row, e)));
    }
  }
  std::vector<std::size_t> width_;
};

void print_text(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw IoError("cannot write to standard output");
}

}  // namespace

void describe(OptionSet& option, RowOutputOptions& o) {
  option("output", o.output, "file to write: .csv, .ecsv, .fits, .h5, .parquet, or a folder for many Parquet files; empty: the screen")
      .layout();
  option("format", o.format, "format of the output; auto: by its ending, and a table for the screen")
      .one_of({"auto", "screen", "csv", "ecsv", "fits", "hdf5", "parquet"});
}

RowFormat format_of(const RowOutputOptions& o) {
  static const std::pair<const char*, RowFormat> names[] = {{"screen", RowFormat::screen}, {"csv", RowFormat::csv},
                                                            {"ecsv", RowFormat::ecsv},     {"fits", RowFormat::fits},
                                                            {"hdf5", RowFormat::hdf5},     {"parquet", RowFormat::parquet}};
  for (const auto& [name, format] : names) {
    if (o.format != name) continue;
    if (o.output.empty() && format != RowFormat::screen && format != RowFormat::csv && format != RowFormat::ecsv)
      throw UsageError(fmt::format("--format {} needs --output (the screen takes text)", name));
    if (!o.output.empty() && format == RowFormat::screen) throw UsageError("--format screen and --output (a file is csv, fits, hdf5, ...)");
    return format;
  }
  if (o.output.empty()) return RowFormat::screen;
  const std::string ending = lower(fs::path(o.output).extension().string());
  if (ending == ".csv" || ending == ".txt") return RowFormat::csv;
  if (ending == ".ecsv") return RowFormat::ecsv;
  if (ending == ".fits" || ending == ".fit") return RowFormat::fits;
  if (ending == ".h5" || ending == ".hdf5") return RowFormat::hdf5;
  if (ending == ".parquet" || ending == ".parq" || ending == ".pq") return RowFormat::parquet;
  throw UsageError(fmt::format("--output {}: its ending tells no format (.csv, .ecsv, .fits, .h5, .parquet; or give --format)", o.output));
}

struct RowSink::Impl {
  Impl(RowOutput o, const Ranks* r)
      : output(std::move(o)), ranks(r && r->size() > 1 ? r : nullptr), any_ranks(r), format(format_of(output.options)) {
    if (!is_streamed() || !output.options.output.empty()) {
      on_first([&] { scratch.emplace(output.options.output); });
      scratch_path = ranks ? ranks->broadcast(scratch ? scratch->path() : "") : scratch->path();
    }
    if (is_streamed()) {
      if (!output.options.output.empty()) open_text();
      head();
    } else {
      together([&] { spool.emplace(scratch_path, output.layout.schema, ranks); });
    }
  }

  [[nodiscard]] bool is_text() const { return format == RowFormat::csv || format == RowFormat::ecsv || format == RowFormat::screen; }
  [[nodiscard]] bool is_streamed() const { return is_text() && !ranks; }
  void together(const std::function<void()>& task) const { ranks ? ranks->each_together(task) : task(); }
  void on_first(const std::function<void()>& task) const { ranks ? ranks->on_first_only(task) : task(); }

  // Texts.

  void open_text() {
    made = make_temporary(scratch_path);
    text.emplace(made);
  }
  void put(const std::string& lines) {
    if (text)
      text->add(lines);
    else
      print_text(lines);
  }
  void head() {
    if (format == RowFormat::screen) return;
    put((format == RowFormat::ecsv ? ecsv_header(output.layout.schema) : "") + csv_header(output.layout.schema));
  }
  void put_rows(const Table& rows) {
    std::string lines;
    if (format == RowFormat::screen)
      lines = screen.lines(rows);
    else
      add_csv_rows(rows, lines);
    put(lines);
  }

  void add(const Table& rows, std::int64_t at) {
    const auto count = static_cast<std::int64_t>(rows.rows());
    if (output.limit >= 0 && added + count > output.limit) {
      // On ranks others may have more rows before these: what is too much is cut when all are counted.
      if (output.limit > added) add_rows(slice(rows, 0, static_cast<std::size_t>(output.limit - added)), at);
      added = std::max(added, output.limit);
      return;
    }
    add_rows(rows, at);
    added += count;
  }
  void add_rows(const Table& rows, std::int64_t at) { is_streamed() ? put_rows(in_order(rows)) : spool->add(rows, at); }
  /// Columns as the layout has them.
  [[nodiscard]] Table in_order(const Table& rows) const {
    Table out(output.layout.schema, rows.rows());
    for (std::size_t c = 0; c < out.columns(); ++c) copy_rows(rows.at(out[c].info().name), 0, rows.rows(), out[c], 0);
    return out;
  }

  // Files.

  std::int64_t finish() {
    if (is_streamed()) {
      if (format == RowFormat::screen && added == 0) put(screen.lines(Table(output.layout.schema)));
      publish_text();
      return added;
    }
    together([] {});
    blocks = spool->close(output.limit);
    output.layout.rows = blocks.empty() ? 0 : blocks.back().first_row + blocks.back().rows;
    if (is_text())
      write_texts();
    else if (format == RowFormat::parquet)
      write_parquet_files();
    else
      write_placed();
    return output.layout.rows;
  }
  void publish_text() {
    if (!text) return;
    text->finish();
    put_in_place(made, output.options.output);
  }

  /// Of the rows of all ranks: rank 0 writes them.
  void write_texts() {
    on_first([&] {
      if (!output.options.output.empty()) open_text();
      head();
      each_block([&](const RowSpool::Block&, const Table& rows) { put_rows(rows); });
      publish_text();
    });
  }
  void each_block(const std::function<void(const RowSpool::Block&, const Table&)>& use) const {
    Table rows(output.layout.schema);
    for (const RowSpool::Block& block : blocks) {
      spool->read(block, rows);
      use(block, rows);
    }
  }

  [[nodiscard]] std::string make_path() {
    on_first([&] { made = make_temporary(scratch_path); });
    return ranks ? ranks->broadcast(made) : made;
  }

  void write_placed() {
    const std::string path = make_path();
    if (format == RowFormat::fits)
      write_fits(path);
    else
      write_hdf5(path);
    on_first([&] { put_in_place(path, output.options.output); });
  }

  void write_fits(const std::string& path) {
    on_first([&] {
      create_product_fits({"", path, output.layout}, "CATALOGUE", [&](const auto& use) {
        Schema texts;
        for (const ColumnInfo& column : output.layout.schema)
          if (column.type == Type::text) texts.push_back(column);
        Table rows(texts);
        for (const RowSpool::Block& block : blocks) {
          if (texts.empty()) break;
          spool->read(block, rows);
          use(rows);
        }
      });
    });
    std::uint32_t sum = 0;
    FitsLayout layout;
    together([&] {
      layout = open_fits(path, output.layout.schema, output.layout.rows);
      FitsRowWriter writer(path, layout);
      each_own_block([&](const RowSpool::Block& block, const Table& rows) {
        const Table* tables[] = {&rows};
        sum = add_fits_sums(sum, writer.write(block.first_row, tables));
      });
      writer.sync();
    });
    if (ranks)
      for (std::uint32_t others = 0; const std::string& its : ranks->gather(std::to_string(sum)))
        sum = others = add_fits_sums(others, static_cast<std::uint32_t>(std::stoul(its)));
    on_first([&] { finish_fits(path, layout, sum); });
  }
  void each_own_block(const std::function<void(const RowSpool::Block&, const Table&)>& use) const {
    Table rows(output.layout.schema);
    for (const RowSpool::Block& block : blocks) {
      if (ranks && !spool->is_own(block)) continue;
      spool->read(block, rows);
      use(block, rows);
    }
  }

  void write_hdf5(const std::string& path) {
    const RowProduct product{path, "", output.layout};
    on_first([&] {
      create_product(product, "", [](const auto&) {});
      write_corrections(path, output.corrections);
    });
    together([&] {
      ProductWriter writer(product);
      JobResult ignored;
      each_own_block([&](const RowSpool::Block& block, const Table& rows) {
        const Table* tables[] = {&rows};
        writer.write(block.first_row, tables, ignored);
      });
      writer.sync();
    });
    if (any_ranks) return finish_product(*any_ranks, product, std::nullopt);
    // What makes a catalogue of rows is written for ranks; a process alone is one of them. It took no longer part in a search by now.
    int argc = 0;
    char** argv = nullptr;
    const MpiSession session(argc, argv);
    RankClock clock;
    const Ranks alone(clock);
    finish_product(alone, product, std::nullopt);
  }

  void write_parquet_files() {
    const std::int64_t row_bytes = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes_per_row(output.layout.schema)));
    const std::int64_t most = std::clamp<std::int64_t>(parquet_bytes / row_bytes, 1, parquet_rows);
    const std::int64_t files = std::max<std::int64_t>(1, (output.layout.rows + most - 1) / most);
    const bool is_file = !fs::path(output.options.output).extension().empty();
    if (is_file && files > 1)
      throw UsageError(fmt::format("--output {}: {} rows are more than one file takes, {} (name a folder: one without .parquet at its end)",
                                   output.options.output, grouped(output.layout.rows), grouped(most)));
    on_first([&] { is_file ? write_one_parquet() : write_parquet_folder(files, (output.layout.rows + files - 1) / files); });
  }
  [[nodiscard]] Table read_rows(std::int64_t begin, std::int64_t end) const {
    Table all(output.layout.schema), rows(output.layout.schema);
    for (const RowSpool::Block& block : blocks) {
      const std::int64_t from = std::max(begin, block.first_row), to = std::min(end, block.first_row + block.rows);
      if (from >= to) continue;
      spool->read(block, rows);
      append(all, slice(rows, static_cast<std::size_t>(from - block.first_row), static_cast<std::size_t>(to - block.first_row)));
    }
    check_utf8(all, output.options.output, begin);
    return all;
  }
  void write_one_parquet() {
    const std::string path = make_temporary(scratch_path);
    write_parquet(path, read_rows(0, output.layout.rows), parquet_metadata(output.layout.schema));
    sync_path(path);
    put_in_place(path, output.options.output);
  }
  void write_parquet_folder(std::int64_t files, std::int64_t rows_each) {
    const std::string partial = make_temporary_folder(scratch_path);
    for (std::int64_t i = 0; i < files; ++i) {
      const std::string path = fmt::format("{}/part-{:05}.parquet", partial, i);
      write_parquet(path, read_rows(i * rows_each, std::min((i + 1) * rows_each, output.layout.rows)),
                    parquet_metadata(output.layout.schema));
      sync_path(path);
    }
    sync_path(partial);
    rename_file(partial, output.options.output);
  }

  RowOutput output;
  const Ranks* ranks;      ///< null where one process has all rows
  const Ranks* any_ranks;  ///< where MPI runs
  RowFormat format;
  std::optional<ScratchFolder> scratch;  ///< on the first rank; above what has files in it
  std::string scratch_path, made;
  std::optional<FileAppender> text;
  ScreenText screen;
  std::optional<RowSpool> spool;
  std::vector<RowSpool::Block> blocks;
  std::int64_t added = 0, unit = 0;
};

RowSink::RowSink(RowOutput output, const Ranks* ranks) : impl_(std::make_unique<Impl>(std::move(output), ranks)) {}
RowSink::~RowSink() = default;
void RowSink::add(const Table& rows, std::int64_t unit) { impl_->add(rows, unit); }
void RowSink::add(const Table& rows) { impl_->add(rows, impl_->unit++); }
bool RowSink::is_full() const noexcept { return impl_->output.limit >= 0 && impl_->added >= impl_->output.limit; }
std::int64_t RowSink::finish() { return impl_->finish(); }

}  // namespace skyfold
