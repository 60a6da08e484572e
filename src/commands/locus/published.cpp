// Files of the published locus program: parameter files with lists of targets and field files, in its binary layout, and its CSV
// lists.
#include "published.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <optional>

#include "skyfold/commands/file_list.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t path_bytes = 150;    // of a path in the binary files, NUL-terminated
constexpr std::size_t target_numbers = 8;  // RA, Dec, u, g, r, i, z, rating
constexpr std::array<const char*, 5> sdss_bands = {"u", "g", "r", "i", "z"};

/// Takes values from a little-endian file in memory; fails softly, since the size of counts is found by trying.
class BinaryReader {
 public:
  BinaryReader(const std::string& bytes, std::size_t count_bytes) : bytes_(bytes), count_bytes_(count_bytes) {}

  std::optional<double> number() {
    double value = 0.0;
    return take(&value, sizeof value) ? std::optional(value) : std::nullopt;
  }
  /// A count that the rest of the file has room for, `item_bytes` each.
  // No more than the rest of the file can hold: a count of the wrong size would otherwise ask for terabytes.
  std::optional<std::size_t> count(std::size_t item_bytes) {
    std::int64_t value = 0;
    std::int32_t short_value = 0;
    const bool is_there = count_bytes_ == 8 ? take(&value, 8) : take(&short_value, 4);
    if (count_bytes_ == 4) value = short_value;
    if (!is_there || value < 0 || static_cast<std::size_t>(value) > (bytes_.size() - at_) / item_bytes) return std::nullopt;
    return static_cast<std::size_t>(value);
  }
  std::optional<std::string> path() {
    if (bytes_.size() - at_ < path_bytes) return std::nullopt;
    const std::string text = bytes_.substr(at_, path_bytes);
    at_ += path_bytes;
    return text.substr(0, text.find('\0'));
  }
  [[nodiscard]] bool is_at_end() const { return at_ == bytes_.size(); }

 private:
  bool take(void* value, std::size_t size) {
    if (bytes_.size() - at_ < size) return false;
    std::memcpy(value, bytes_.data() + at_, size);
    at_ += size;
    return true;
  }
  const std::string& bytes_;
  std::size_t count_bytes_, at_ = 0;
};

std::optional<std::vector<std::string>> parse_paths(BinaryReader& file) {
  const auto count = file.count(path_bytes);
  if (!count) return std::nullopt;
  std::vector<std::string> paths(*count);
  for (std::string& path : paths) {
    const auto text = file.path();
    // An empty path is a sign of the wrong size of counts, too: zeros are read as text then.
    if (!text || text->empty()) return std::nullopt;
    path = *text;
  }
  return paths;
}

std::optional<PublishedSet> parse_set(BinaryReader& file) {
  PublishedSet set;
  const auto paths = parse_paths(file);
  if (!paths) return std::nullopt;
  set.files = *paths;
  const auto count = file.count(target_numbers * sizeof(double));
  if (!count) return std::nullopt;
  for (std::size_t i = 0; i < *count; ++i) {
    std::array<double, target_numbers> numbers{};
    for (double& number : numbers) number = file.number().value();  // `count` has made sure of them
    std::array<double, 7> target;
    // The rating at the end is not used: the search makes its own.
    std::copy_n(numbers.begin(), target.size(), target.begin());
    set.targets.push_back(target);
  }
  set.count = std::ssize(set.targets);
  return set;
}

std::optional<PublishedParameters> parse_parameters(const std::string& bytes, std::size_t count_bytes) {
  BinaryReader file(bytes, count_bytes);
  PublishedParameters p;
  for (double* value : {&p.fov_deg, &p.resolution_deg, &p.dmag, &p.dcol}) {
    const auto number = file.number();
    if (!number) return std::nullopt;
    *value = *number;
  }
  // A set has at least its two counts, of files and of targets.
  const auto sets = file.count(2 * count_bytes);
  if (!sets) return std::nullopt;
  for (std::size_t i = 0; i < *sets; ++i) {
    const auto set = parse_set(file);
    if (!set) return std::nullopt;
    p.sets.push_back(*set);
  }
  // Bytes that are left over mean that the counts had the other size.
  return file.is_at_end() ? std::optional(p) : std::nullopt;
}

std::string field_file(const std::string& root, std::int64_t run, std::int64_t rerun, std::int64_t camcol, std::int64_t field) {
  // The folders of the SDSS archive server: run, rerun, column of the camera, field.
  return fmt::format("{}/{}/{}/calibChunks/{}/tsObj-{:06}-{}-{}-{:04}.fit", root, run, rerun, camcol, run, camcol, rerun, field);
}

/// All cells of a CSV file of numbers, as doubles and integers.
Table read_numbers(const std::string& path) {
  // Whatever the ending of its name.
  SourceOptions options;
  options.format = "csv";
  const Dataset dataset(path, options);
  Schema schema = dataset.schema();
  for (ColumnInfo& column : schema) {
    if (column.type == Type::text)
      throw DataError(fmt::format("{}: column {} is text (a published list holds numbers)", path, column.name));
  }
  return dataset.read(schema);
}

/// A line per field of each target; lines of one target follow each other.
std::vector<PublishedSet> sets_of_targets(const Table& list, const std::string& root) {
  std::vector<PublishedSet> sets;
  for (std::size_t i = 0; i < list.rows(); ++i) {
    const std::int64_t id = list[0].integer(i);
    std::array<double, 7> target{};
    for (std::size_t k = 0; k < target.size(); ++k) target[k] = list[6 + k].number(i);
    // Ids alone do not do: lists without ids have 0 in all lines.
    if (sets.empty() || sets.back().id != id || sets.back().targets[0] != target) sets.push_back({{}, {target}, "", 1, id});
    sets.back().files.push_back(field_file(root, list[2].integer(i), list[3].integer(i), list[4].integer(i), list[5].integer(i)));
  }
  return sets;
}

/// A line per field about each reference field.
std::vector<PublishedSet> sets_of_fields(const Table& list, const std::string& root) {
  std::vector<PublishedSet> sets;
  for (std::size_t i = 0; i < list.rows(); ++i) {
    // Lines of one reference field follow each other, as the program writes them.
    const std::string reference = field_file(root, list[3].integer(i), list[4].integer(i), list[5].integer(i), list[6].integer(i));
    if (sets.empty() || sets.back().reference != reference) sets.push_back({{}, {}, reference, 0, 0});
    sets.back().files.push_back(field_file(root, list[7].integer(i), list[8].integer(i), list[9].integer(i), list[10].integer(i)));
  }
  return sets;
}

}  // namespace

PublishedParameters read_parameter_file(const std::string& path) {
  refuse_foreign(path);
  const std::string bytes = read_file(path);
  // The program wrote counts as size_t of its machine: both sizes are tried, and only one of them ends at the end of the file.
  for (const std::size_t count_bytes : {std::size_t{8}, std::size_t{4}})
    if (auto parameters = parse_parameters(bytes, count_bytes)) return *std::move(parameters);
  throw DataError(fmt::format("{}: not a parameter file (its {} bytes fit neither 4-byte nor 8-byte counts)", path, bytes.size()));
}

std::vector<std::string> read_file_list(const std::string& path) {
  refuse_foreign(path);
  const std::string bytes = read_file(path);
  for (const std::size_t count_bytes : {std::size_t{8}, std::size_t{4}}) {
    BinaryReader file(bytes, count_bytes);
    const auto paths = parse_paths(file);
    if (paths && file.is_at_end()) return *paths;
  }
  throw DataError(fmt::format("{}: not a list of files (its {} bytes fit neither 4-byte nor 8-byte counts)", path, bytes.size()));
}

PublishedParameters read_published_list(const std::string& path, const std::string& root) {
  const Table list = read_numbers(path);
  PublishedParameters parameters;
  if (list.columns() == 13)
    // The two lists have no header that tells them apart, only their numbers of columns.
    parameters.sets = sets_of_targets(list, root);
  else if (list.columns() == 11)
    parameters.sets = sets_of_fields(list, root);
  else
    throw DataError(fmt::format("{}: {} columns (the published lists have 13, of targets, or 11, of fields)", path, list.columns()));
  if (parameters.sets.empty()) throw DataError(path + ": no rows");
  return parameters;
}

std::string local_field_file(const std::string& path, const std::string& root) {
  fs::path file = fs::path(path).is_relative() && !root.empty() ? fs::path(root) / path : fs::path(path);
  const std::string stem = file.stem().string();
  // As in the published program: the stars of X.fit are those of X_local.fit.
  if (!stem.ends_with("_local")) file.replace_filename(stem + "_local" + file.extension().string());
  // Now and not at the search: one of thousands of files that is missing would show hours later.
  if (!fs::exists(file)) throw IoError(fmt::format("{}: missing field file (the list of fields names it)", file.string()));
  return file.string();
}

Schema published_schema() {
  Schema schema = {{"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main"}, {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main"}};
  for (const char* band : sdss_bands) schema.push_back({band, Type::f8, 1, "mag", "phot.mag"});
  return schema;
}

Table read_field_file(const std::string& path) {
  SourceOptions options;
  options.format = "fits";
  Dataset dataset(path, options);
  const std::vector<std::string> ra = {"ra"}, dec = {"dec"};
  dataset.use_degrees(known_column(dataset.schema(), ra), known_column(dataset.schema(), dec));
  Schema wanted;
  for (const std::string& name : {std::string("ra"), std::string("dec"), std::string("mag")}) {
    const std::string found = known_column(dataset.schema(), std::span(&name, 1));
    if (found.empty()) throw DataError(fmt::format("{}: no column {} (a field file has ra, dec and mag)", path, name));
    ColumnInfo column = dataset.column(found, "");
    column.type = Type::f8;
    if (name == "mag" && column.width != sdss_bands.size())
      throw DataError(fmt::format("{}: column {} has {} magnitudes (a field file has 5)", path, found, column.width));
    wanted.push_back(column);
  }
  const Table rows = dataset.read(wanted);
  Table out(published_schema(), rows.rows());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    out[0].values<double>()[i] = rows[0].number(i);
    out[1].values<double>()[i] = rows[1].number(i);
    for (std::size_t b = 0; b < sdss_bands.size(); ++b) out[2 + b].values<double>()[i] = rows[2].number(i, b);
  }
  return out;
}

std::set<std::string> PublishedTargets::files() const {
  std::set<std::string> files;
  for (const PublishedSet& set : sets_) {
    files.insert(set.files.begin(), set.files.end());
    if (!set.reference.empty()) files.insert(set.reference);
  }
  return files;
}

PublishedTargets::PublishedTargets(PublishedParameters parameters, const std::string& root) : sets_(std::move(parameters.sets)) {
  std::int64_t row = 0;
  for (PublishedSet& set : sets_) {
    for (std::string& file : set.files) file = local_field_file(file, root);
    if (!set.reference.empty()) {
      set.reference = local_field_file(set.reference, root);
      SourceOptions options;
      options.format = "fits";
      // Only the header is read: rows must be numbered before the run, of fields that may be read on any rank.
      set.count = Dataset(set.reference, options).rows();
    }
    has_id_ |= set.id != 0;
  }
  // A field without stars has no targets: no rows, no part.
  std::erase_if(sets_, [](const PublishedSet& set) { return set.count == 0; });
  for (const PublishedSet& set : sets_) {
    // A part is a set: the stars of its files serve all its targets.
    parts_.push_back(
        {std::ssize(parts_), fmt::format("set {}", parts_.size() + 1), {row, row + set.count}, static_cast<double>(set.count)});
    row += set.count;
  }
  schema_ = published_schema();
  if (has_id_) schema_.push_back({"specObjID", Type::i8, 1, "", "meta.id;meta.main", "id of the target in its list"});
  schema_.push_back({target_row_column, Type::i8, 1, "", "meta.record", "number of the target, from 0"});
}

std::vector<std::string> PublishedTargets::passed() const {
  return has_id_ ? std::vector<std::string>{target_row_column, "specObjID"} : std::vector<std::string>{target_row_column};
}

void PublishedTargets::read(std::size_t part, Table& out) const {
  const PublishedSet& set = sets_[part];
  if (!set.reference.empty()) {
    const Table stars = read_field_file(set.reference);
    if (static_cast<std::int64_t>(stars.rows()) != set.count) throw IoError(set.reference + ": has changed since the run began");
    std::vector<std::size_t> all(stars.rows());
    std::iota(all.begin(), all.end(), std::size_t{0});
    gather_known(stars, all, out);
  } else {
    out.resize(set.targets.size());
    for (std::size_t i = 0; i < set.targets.size(); ++i)
      for (std::size_t c = 0; c < set.targets[i].size(); ++c) out[c].values<double>()[i] = set.targets[i][c];
  }
  if (has_id_) std::ranges::fill(out.at("specObjID").values<std::int64_t>(), set.id);
  const auto row = out.at(target_row_column).values<std::int64_t>();
  std::iota(row.begin(), row.end(), parts_[part].rows.begin);
}

void FieldFileStars::read(std::size_t part, const Table&, StarBlock& out) {
  out = {};
  std::int64_t first_row = 0;
  for (const std::string& file : targets_.set(part).files) {
    const Table rows = read_field_file(file);
    kernel_.add_stars(rows, first_row, out.stars);
    // Numbers over all files of the set, since a star is known by its row.
    first_row += static_cast<std::int64_t>(rows.rows());
    out.bytes += static_cast<std::int64_t>(rows.rows() * bytes_per_row(rows.schema()));
  }
}

}  // namespace skyfold
