// Files of the published locus programs, read and written: binary parameter files (PPR) and lists of files (PRM), text of these (PRT), and
// the CSV lists that they are made from (Nolan, Hickey & Creaner, The Locus Algorithm II, arXiv:2003.04574).
#include "published_files.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
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

constexpr std::size_t path_bytes = 150;  // of a path in the binary files, NUL-terminated
/// Both sizes of counts with both forms of targets, in the order in which they are tried.
constexpr std::array<BinaryForm, 4> forms = {{{8, 8}, {4, 8}, {8, 7}, {4, 7}}};

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

std::optional<PublishedSet> parse_set(BinaryReader& file, std::size_t target_numbers) {
  PublishedSet set;
  const auto paths = parse_paths(file);
  if (!paths) return std::nullopt;
  set.files = *paths;
  const auto count = file.count(target_numbers * sizeof(double));
  if (!count) return std::nullopt;
  for (std::size_t i = 0; i < *count; ++i) {
    std::array<double, 7> target;
    for (double& number : target) number = file.number().value();  // `count` has made sure of them
    // The rating at the end, where there is one, is not used: the search makes its own.
    for (std::size_t k = target.size(); k < target_numbers; ++k) (void)file.number();
    set.targets.push_back(target);
  }
  set.count = std::ssize(set.targets);
  return set;
}

std::optional<PublishedParameters> parse_parameters(const std::string& bytes, BinaryForm form) {
  BinaryReader file(bytes, form.count_bytes);
  PublishedParameters p;
  for (double* value : {&p.fov_deg, &p.resolution_deg, &p.dmag, &p.dcol}) {
    const auto number = file.number();
    if (!number) return std::nullopt;
    *value = *number;
  }
  // A set has at least its two counts, of files and of targets.
  const auto sets = file.count(2 * form.count_bytes);
  if (!sets) return std::nullopt;
  for (std::size_t i = 0; i < *sets; ++i) {
    const auto set = parse_set(file, form.target_numbers);
    if (!set) return std::nullopt;
    p.sets.push_back(*set);
  }
  // Bytes that are left over mean that the file has another form.
  return file.is_at_end() ? std::optional(p) : std::nullopt;
}

/// Whether all targets have positions: numbers that are none show that the file has another form.
bool has_positions(const PublishedParameters& parameters) {
  return std::ranges::all_of(parameters.sets, [](const PublishedSet& set) {
    return std::ranges::all_of(set.targets, [](const auto& t) { return std::abs(t[0]) <= 720.0 && std::abs(t[1]) <= 90.0; });
  });
}

/// Puts values into a little-endian file in memory.
class BinaryWriter {
 public:
  explicit BinaryWriter(std::size_t count_bytes) : count_bytes_(count_bytes) {}

  void number(double value) { put(&value, sizeof value); }
  void count(std::size_t value) {
    if (count_bytes_ == 4 && value > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw DataError(fmt::format("{} entries (more than a count of 4 bytes can tell)", grouped(static_cast<long long>(value))));
    const auto whole = static_cast<std::int64_t>(value);
    put(&whole, count_bytes_);
  }
  void path(const std::string& path) {
    if (path.size() >= path_bytes)
      throw DataError(fmt::format("{}: {} bytes (a path in a parameter file has at most {})", path, path.size(), path_bytes - 1));
    bytes_ += path;
    bytes_.append(path_bytes - path.size(), '\0');
  }
  void paths(const std::vector<std::string>& paths) {
    count(paths.size());
    for (const std::string& one : paths) path(one);
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void put(const void* value, std::size_t size) { bytes_.append(static_cast<const char*>(value), size); }
  std::size_t count_bytes_;
  std::string bytes_;
};

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

/// Columns of run, rerun, camcol and field.
using FieldColumns = std::array<std::size_t, 4>;

/// A name as it is compared: lower case, letters and digits alone ("REF RUN", "ref_run", "RefRun").
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : lower(name))
    if (std::isalnum(static_cast<unsigned char>(c))) plain += c;
  return plain;
}

std::optional<FieldColumns> named_columns(const Table& list, const std::string& prefix) {
  FieldColumns columns{};
  constexpr std::array<const char*, 4> names = {"run", "rerun", "camcol", "field"};
  for (std::size_t k = 0; k < names.size(); ++k) {
    std::size_t c = 0;
    while (c < list.columns() && plain_name(list[c].info().name) != prefix + names[k]) ++c;
    if (c == list.columns()) return std::nullopt;
    columns[k] = c;
  }
  return columns;
}

FieldColumns columns_from(std::size_t first) { return {first, first + 1, first + 2, first + 3}; }

/// SDSS's camera has six columns: what has other numbers there is no list of fields.
bool are_fields(const Table& list, const FieldColumns& columns) {
  for (std::size_t i = 0; i < list.rows(); ++i)
    if (const std::int64_t camcol = list[columns[2]].integer(i); camcol < 1 || camcol > 6) return false;
  return true;
}

std::string field_file(const std::string& root, const Table& list, std::size_t row, const FieldColumns& columns) {
  const auto number = [&](std::size_t k) { return list[columns[k]].integer(row); };
  const std::int64_t run = number(0), rerun = number(1), camcol = number(2), field = number(3);
  // The folders of the SDSS archive server: run, rerun, column of the camera, field.
  return fmt::format("{}/{}/{}/calibChunks/{}/tsObj-{:06}-{}-{}-{:04}.fit", root, run, rerun, camcol, run, camcol, rerun, field);
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
    sets.back().files.push_back(field_file(root, list, i, columns_from(2)));
  }
  return sets;
}

/// A line per field about each reference field.
std::vector<PublishedSet> sets_of_fields(const Table& list, const std::string& root, const FieldColumns& of_reference,
                                         const FieldColumns& of_field) {
  std::vector<PublishedSet> sets;
  for (std::size_t i = 0; i < list.rows(); ++i) {
    // Lines of one reference field follow each other, as the program writes them.
    const std::string reference = field_file(root, list, i, of_reference);
    if (sets.empty() || sets.back().reference != reference) sets.push_back({{}, {}, reference, 0, 0});
    sets.back().files.push_back(field_file(root, list, i, of_field));
  }
  return sets;
}

/// A traversal by the places of its columns.
PublishedList unnamed_traversal(const std::string& path, const Table& list, const std::string& root) {
  const std::size_t last = list.columns() - 4, first = list.columns() == 10 ? 0 : last - 4;
  if (!are_fields(list, columns_from(first)) || !are_fields(list, columns_from(last)))
    throw DataError(
        fmt::format("{}: {} columns without the names REF RUN, REF RERUN, REF CAMCOL, REF FIELD and RUN, RERUN, CAMCOL, FIELD, "
                    "and no camera columns 1 to 6 in columns {} and {}",
                    path, list.columns(), first + 3, last + 3));
  PublishedList result{ListKind::traversal,
                       fmt::format("columns {} to {} = reference field, {} to {} = field", first + 1, first + 4, last + 1, last + 4),
                       {},
                       {}};
  result.parameters.sets = sets_of_fields(list, root, columns_from(first), columns_from(last));
  return result;
}

}  // namespace

PublishedParameters read_parameter_file(const std::string& path, BinaryForm* form) {
  refuse_foreign(path);
  const std::string bytes = read_file(path);
  std::optional<PublishedParameters> found;
  // Counts were written as `long` of the machine, targets with their rating or, as in the paper, without: all forms are tried, and as a
  // rule one of them ends at the end of the file.
  for (const BinaryForm& one : forms) {
    auto parameters = parse_parameters(bytes, one);
    if (!parameters || (found && !has_positions(*parameters))) continue;
    const bool is_settled = has_positions(*parameters);
    found = std::move(parameters);
    if (form) *form = one;
    if (is_settled) break;
  }
  if (found) return *std::move(found);
  throw DataError(fmt::format(
      "{}: not a parameter file (its {} bytes fit neither 4-byte nor 8-byte counts, with targets of 7 or 8 numbers)", path, bytes.size()));
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

std::string parameter_bytes(const PublishedParameters& parameters, BinaryForm form, double rating) {
  BinaryWriter file(form.count_bytes);
  for (const double value : {parameters.fov_deg, parameters.resolution_deg, parameters.dmag, parameters.dcol}) file.number(value);
  file.count(parameters.sets.size());
  for (const PublishedSet& set : parameters.sets) {
    file.paths(set.files);
    file.count(set.targets.size());
    for (const auto& target : set.targets) {
      for (const double value : target) file.number(value);
      if (form.target_numbers == 8) file.number(rating);
    }
  }
  return file.bytes();
}

std::string file_list_bytes(const std::vector<std::string>& files, BinaryForm form) {
  BinaryWriter file(form.count_bytes);
  file.paths(files);
  return file.bytes();
}

std::string file_list_text(const std::vector<std::string>& files) {
  // As the published scripts read it: names from the third line on.
  std::string text = fmt::format("\n{}\n", files.size());
  for (const std::string& file : files) text += file + "\n";
  return text;
}

PublishedList read_published_list(const std::string& path, const std::string& root) {
  const Table list = read_numbers(path);
  if (list.rows() == 0) throw DataError(path + ": no rows");
  const auto of_reference = named_columns(list, "ref"), of_field = named_columns(list, "");
  PublishedList result;
  if (of_reference && of_field) {
    result.kind = ListKind::traversal;
    result.parameters.sets = sets_of_fields(list, root, *of_reference, *of_field);
  } else if (list.columns() == 4 && of_field) {
    result.kind = ListKind::fields;
    for (std::size_t i = 0; i < list.rows(); ++i) result.files.push_back(field_file(root, list, i, *of_field));
  } else if (list.columns() == 13) {
    result.parameters.sets = sets_of_targets(list, root);
  } else if (list.columns() == 10 || list.columns() == 11) {
    return unnamed_traversal(path, list, root);
  } else {
    throw DataError(
        fmt::format("{}: {} columns (the published lists have 13, of targets, 10 to 12, of a traversal, or 4, run, rerun, camcol "
                    "and field)",
                    path, list.columns()));
  }
  return result;
}

void require_field_files(const std::vector<std::string>& files) {
  constexpr std::size_t most_named = 5;
  std::vector<std::string> missing;
  for (const std::string& file : files)
    if (!std::filesystem::exists(file)) missing.push_back(file);
  if (missing.empty()) return;
  std::string others;
  for (std::size_t i = 1; i < std::min(missing.size(), most_named); ++i) others += ", " + missing[i];
  if (missing.size() > most_named) others += fmt::format(" and {} more", grouped(static_cast<long long>(missing.size() - most_named)));
  throw IoError(
      fmt::format("{}: missing field file (the list of fields names it{})", missing.front(),
                  others.empty() ? "" : fmt::format("; {} of {} are missing, also {}", missing.size(), files.size(), others.substr(2))));
}

std::vector<std::string> read_field_list(const std::string& path, const std::string& root) {
  const PublishedList list = read_published_list(path, root);
  if (list.kind != ListKind::fields) throw DataError(fmt::format("{}: not a list of fields (columns run, rerun, camcol, field)", path));
  return list.files;
}

}  // namespace skyfold
