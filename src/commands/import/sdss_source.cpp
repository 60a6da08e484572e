// Calibrated object lists of SDSS (tsObj files) as inputs: hundreds of thousands of small files, read some hundred at a time as one
// source, with the cuts of clean photometry.
#include "sdss_source.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <span>
#include <sstream>

#include "skyfold/commands/file_list.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/fits_builder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_inputs = 2000;  // import keeps a table of inputs times buckets
constexpr std::array<const char*, 5> bands = {"u", "g", "r", "i", "z"};

bool is_field_file(const fs::path& path) {
  const std::string name = path.filename().string();
  // The lists of the archive, and the reduced copies that the published locus program made of them.
  return (name.starts_with("tsObj-") || path.stem().string().ends_with("_local")) && (name.ends_with(".fit") || name.ends_with(".fits"));
}

bool is_field_list(const std::string& path) { return path.ends_with(".csv"); }

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_regular_file() && is_field_file(entry->path())) files.push_back(entry->path().string());
  if (error) throw IoError(fmt::format("{}: {}", folder.string(), error.message()));
  // The order of a folder is that of the file system.
  std::ranges::sort(files);
  return files;
}

/// Rows of one field file that are clean, with the columns of field_schema() but for the id.
class FieldFile {
 public:
  FieldFile(const std::string& path, const ProfileOptions& o) : dataset_(open_in_degrees(path)) {
    const bool is_local = fs::path(path).stem().string().ends_with("_local");
    wanted_ = {column("ra", 1), column("dec", 1), column(is_local ? "mag" : "counts_model", bands.size())};
    // Local copies have no flags and are taken whole.
    const bool has_flags = !is_local && o.clean != "none";
    Schema flags;
    for (const char* name : {"status", "objc_flags", "objc_flags2", "objc_type"})
      if (has_flags) flags.push_back(column(name, 1, Type::i8));
    // Flags first, alone: what they drop is known before the magnitudes are read.
    const Table values = has_flags ? read(flags) : Table();
    for (std::size_t row = 0; row < static_cast<std::size_t>(dataset_.rows()); ++row)
      if (!has_flags || is_clean(o.clean, values[0].integer(row), values[1].integer(row), values[2].integer(row), values[3].integer(row)))
        kept_.push_back(row);
  }
  [[nodiscard]] std::size_t rows() const noexcept { return kept_.size(); }
  /// All rows of the file, clean or not.
  [[nodiscard]] std::int64_t all_rows() const noexcept { return dataset_.rows(); }
  /// The reduced copy of the published programs: ra, dec and mag, five numbers, of the clean rows.
  [[nodiscard]] Table reduced() const {
    const Table all = read(wanted_);
    Table out({{"ra", Type::f8, 1, "deg"}, {"dec", Type::f8, 1, "deg"}, {"mag", Type::f8, bands.size(), "mag"}}, kept_.size());
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      for (std::size_t c = 0; c < 2; ++c) out[c].values<double>()[k] = all[c].number(kept_[k]);
      for (std::size_t b = 0; b < bands.size(); ++b) out[2].values<double>()[k * bands.size() + b] = all[2].number(kept_[k], b);
    }
    return out;
  }
  /// Writes the rows to `out` from row `first` on; columns that `out` lacks are skipped.
  void read_into(Table& out, std::size_t first) const {
    const Table all = read(wanted_);
    Column* const id = out.columns() == 0 ? nullptr : find(out, "id");
    for (std::size_t k = 0; k < kept_.size(); ++k) {
      std::array<double, 2 + bands.size()> numbers{all[0].number(kept_[k]), all[1].number(kept_[k])};
      for (std::size_t b = 0; b < bands.size(); ++b) numbers[2 + b] = all[2].number(kept_[k], b);
      // 63 bits, so that ids are positive.
      // Position and magnitudes make the id: what overlapping fields repeat has the same one, by which import merges it.
      if (id) id->values<std::int64_t>()[first + k] = static_cast<std::int64_t>(hash_bytes(std::as_bytes(std::span(numbers))) >> 1);
      for (std::size_t c = 0; c < numbers.size(); ++c)
        if (Column* const to = find(out, c == 0 ? "ra" : c == 1 ? "dec" : bands[c - 2])) to->values<double>()[first + k] = numbers[c];
    }
  }

 private:
  static Dataset open_in_degrees(const std::string& path) {
    SourceOptions options;
    options.format = "fits";
    Dataset dataset(path, options);
    const std::vector<std::string> ra = {"ra"}, dec = {"dec"};
    dataset.use_degrees(known_column(dataset.schema(), ra), known_column(dataset.schema(), dec));
    return dataset;
  }
  static Column* find(Table& table, const char* source) {
    for (std::size_t c = 0; c < table.columns(); ++c)
      if (table[c].info().source == source) return &table[c];
    return nullptr;
  }
  [[nodiscard]] ColumnInfo column(const std::string& name, std::size_t width, Type type = Type::f8) const {
    const std::string found = known_column(dataset_.schema(), std::span(&name, 1));
    if (found.empty()) throw DataError(fmt::format("{}: no column {} (which a field file of SDSS has)", dataset_.path(), name));
    ColumnInfo info = dataset_.schema()[*find_column(dataset_.schema(), found)];
    if (info.width != width)
      throw DataError(fmt::format("{}: column {} has {} values per row (expected {})", dataset_.path(), found, info.width, width));
    info.source = found;
    info.type = type;
    return info;
  }
  [[nodiscard]] Table read(const Schema& schema) const {
    Table table(schema);
    read_piece(dataset_.source(), {0, dataset_.rows(), 0, 0}, table);
    return table;
  }

  Dataset dataset_;
  Schema wanted_;
  std::vector<std::size_t> kept_;
};

Schema field_schema() {
  Schema schema = {{"id", Type::i8, 1, "", "meta.id;meta.main", "hash of position and magnitudes"},
                   {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension (J2000)"},
                   {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination (J2000)"}};
  for (const char* band : bands) schema.push_back({band, Type::f8, 1, "mag", "phot.mag", std::string("magnitude in ") + band});
  for (ColumnInfo& column : schema) column.source = column.name;
  return schema;
}

/// One or more field files, one after the other. They are opened when read: half a million of them cannot stay open.
class FieldFileSource final : public Source {
 public:
  FieldFileSource(std::vector<std::string> files, const ProfileOptions& o)
      : options_(o), files_(std::move(files)), schema_(field_schema()) {
    path_ = files_.size() == 1 ? files_[0] : fmt::format("{} and {} files after it", files_[0], files_.size() - 1);
    // Every file is opened for its number of clean rows: the rows must be numbered before any is read.
    for (const std::string& file : files_) starts_.push_back(starts_.back() + static_cast<std::int64_t>(FieldFile(file, o).rows()));
  }
  [[nodiscard]] const std::string& path() const noexcept override { return path_; }
  [[nodiscard]] const Schema& schema() const noexcept override { return schema_; }
  [[nodiscard]] const std::vector<LeftOut>& left_out() const noexcept override { return left_out_; }
  [[nodiscard]] std::int64_t rows() const noexcept override { return starts_.back(); }
  [[nodiscard]] std::vector<Piece> pieces(std::int64_t rows) const override {
    std::vector<Piece> pieces;
    for (std::size_t file = 0; file < files_.size(); ++file) {
      // Pieces of whole files: each is opened once for each pass.
      if (pieces.empty() || pieces.back().rows >= rows) pieces.push_back({starts_[file], 0, 0, 0});
      pieces.back().rows = starts_[file + 1] - pieces.back().first_row;
    }
    std::erase_if(pieces, [](const Piece& piece) { return piece.rows == 0; });
    return pieces;
  }
  void read(const Piece& piece, Table& out, std::vector<BadCell>&) const override {
    out.resize(static_cast<std::size_t>(piece.rows));
    for (std::size_t file = 0; file < files_.size(); ++file) {
      const bool is_inside = starts_[file] >= piece.first_row && starts_[file + 1] <= piece.first_row + piece.rows;
      if (!is_inside || starts_[file] == starts_[file + 1]) continue;
      const FieldFile field(files_[file], options_);
      if (static_cast<std::int64_t>(field.rows()) != starts_[file + 1] - starts_[file])
        throw IoError(files_[file] + ": has changed since the run began");
      field.read_into(out, static_cast<std::size_t>(starts_[file] - piece.first_row));
    }
  }

 private:
  ProfileOptions options_;
  std::vector<std::string> files_;
  std::string path_;
  Schema schema_;
  std::vector<LeftOut> left_out_;
  std::vector<std::int64_t> starts_ = {0};
};

}  // namespace

void describe(OptionSet& option, ProfileOptions& o) {
  option("profile", o.profile,
         "inputs of a survey's own kind: sdss-tsobj, calibrated object lists of SDSS (files or the root of their tree)")
      .one_of({"none", "sdss-tsobj"});
  option("root", o.root, "folder of the field files that a list of fields (CSV: run, rerun, camcol, field) names; empty: this one")
      .layout();
  option(
      "local-files", o.local_files,
      "folder for reduced copies of the field files, as the published locus programs read them (ra, dec, mag of clean rows); empty: none")
      .layout();
  option("clean", o.clean, "objects of a profile to take: clean point sources as published, as SDSS DR7 advises, or all")
      .one_of({"locus", "sdss-dr7", "none"});
  option("crowding.band", o.crowding_band, "band in which neighbours count, for the column crowded of a profile")
      .one_of({"u", "g", "r", "i", "z"});
  option("crowding.resolution", o.crowding_resolution, "neighbours nearer than this crowd a star, 0 for none")
      .unit("arcsec")
      .range(0.0, 600.0);
  option("crowding.dmag", o.crowding_dmag, "neighbours crowd if they differ by less than this in the band").unit("mag").range(0.0, 50.0);
}

bool is_clean(const std::string& clean, std::int64_t status, std::int64_t flags, std::int64_t flags2, std::int64_t type) noexcept {
  // The clean photometry of SDSS: detected in BINNED1; none of PEAKCENTER and NOTCHECKED, nor of PSF_FLUX_INTERP and BAD_COUNTS_ERROR,
  // which are in the upper word. DR7 refuses SATUR, EDGE and NOPROFILE, too.
  constexpr std::int64_t primary = 0x2000, binned1 = 0x10000000, refused = 0x80020, refused2 = 0x8100;
  constexpr std::int64_t saturated = 0x40000, edge = 0x4, no_profile = 0x80, star = 6;
  if (clean == "none") return true;
  const bool is_clean = (status & primary) && (flags & binned1) && !(flags & refused) && !(flags2 & refused2) && type == star;
  return is_clean && (clean != "sdss-dr7" || !(flags & (saturated | edge | no_profile)));
}

std::vector<std::string> field_files(const std::vector<std::string>& arguments, const std::string& root) {
  std::vector<std::string> files;
  if (!root.empty() && std::ranges::none_of(arguments, is_field_list))
    throw UsageError("--root is for lists of fields (CSV), and --input names none");
  for (const std::string& argument : arguments) {
    std::vector<std::string> found;
    if (fs::is_directory(argument))
      found = files_below(argument);
    else if (argument.ends_with(".prm"))
      found = read_file_list(argument);
    else if (is_field_list(argument))
      found = read_field_list(argument, root.empty() ? "." : root);
    else
      found = input_files({argument});
    if (found.empty()) throw UsageError(fmt::format("{}: no field files (tsObj-*.fit or *_local.fit) below it", argument));
    files.insert(files.end(), found.begin(), found.end());
  }
  // Lists may name files that are not there, which is told before hours of reading.
  require_field_files(files);
  return files;
}

namespace {

/// Where the reduced copy of a field file goes below `folder`: to the same place as in SDSS's tree, or, of a file that is in none, there.
std::string local_path(const std::string& folder, const std::string& file) {
  const fs::path path(file);
  const fs::path camcol = path.parent_path(), chunks = camcol.parent_path(), rerun = chunks.parent_path(), run = rerun.parent_path();
  fs::path place = folder;
  if (chunks.filename() == "calibChunks") place = place / run.filename() / rerun.filename() / chunks.filename() / camcol.filename();
  return (place / (path.stem().string() + "_local" + path.extension().string())).string();
}

/// Numbers of the reduction of a file: bytes and rows, before and after.
struct Reduction {
  std::int64_t bytes = 0, local_bytes = 0, rows = 0, local_rows = 0;
};

Reduction write_local_file(const std::string& file, const std::string& path, const ProfileOptions& o) {
  const FieldFile field(file, o);
  FitsBuilder fits({}, false);
  fits.add_table({}, field.reduced());
  const std::string bytes = fits.finished();
  fs::create_directories(fs::path(path).parent_path());
  write_durably(path, bytes);
  return {static_cast<std::int64_t>(fs::file_size(file)), std::ssize(bytes), field.all_rows(), static_cast<std::int64_t>(field.rows())};
}

std::vector<std::string> local_paths(const std::vector<std::string>& files, const std::string& folder) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const std::string& file : files) {
    if (fs::path(file).stem().string().ends_with("_local"))
      throw UsageError(fmt::format("{}: a local file itself (--local-files makes them of tsObj files)", file));
    paths.push_back(local_path(folder, file));
    if (!seen.insert(paths.back()).second) throw UsageError(fmt::format("{}: two inputs would have this local file", paths.back()));
  }
  return paths;
}

}  // namespace

void write_local_files(const Ranks& ranks, const std::vector<std::string>& inputs, const ProfileOptions& o) {
  const PhaseScope scope(ranks.clock(), Phase::write);
  std::vector<std::string> files, paths;
  ranks.together([&] {
    files = field_files(inputs, o.root);
    paths = local_paths(files, o.local_files);
  });
  // Each file by some rank: numbers of all of them come back as text.
  const auto told = ranks.run_units(files.size(), [&](std::size_t i) {
    const Reduction r = write_local_file(files[i], paths[i], o);
    return fmt::format("{} {} {} {}", r.bytes, r.local_bytes, r.rows, r.local_rows);
  });
  Reduction all;
  for (const std::string& text : told) {
    Reduction one;
    std::istringstream(text) >> one.bytes >> one.local_bytes >> one.rows >> one.local_rows;
    all = {all.bytes + one.bytes, all.local_bytes + one.local_bytes, all.rows + one.rows, all.local_rows + one.local_rows};
  }
  if (!ranks.is_first()) return;
  log_info(fmt::format("{} local files below {}: {} of {} rows, {} of {} bytes, reduced {:.1f} times", grouped(std::ssize(files)),
                       o.local_files, grouped(all.local_rows), grouped(all.rows), grouped(all.local_bytes), grouped(all.bytes),
                       static_cast<double>(all.bytes) / static_cast<double>(std::max<std::int64_t>(all.local_bytes, 1))));
}

std::vector<std::unique_ptr<Source>> open_field_files(const std::vector<std::string>& paths, const ProfileOptions& o) {
  const std::size_t per_input = (paths.size() + most_inputs - 1) / most_inputs;
  std::vector<std::unique_ptr<Source>> sources;
  for (std::size_t first = 0; first < paths.size(); first += per_input)
    sources.push_back(std::make_unique<FieldFileSource>(
        std::vector(paths.begin() + static_cast<std::ptrdiff_t>(first),
                    paths.begin() + static_cast<std::ptrdiff_t>(std::min(first + per_input, paths.size()))),
        o));
  return sources;
}

}  // namespace skyfold
