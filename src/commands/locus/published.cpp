// Targets and stars of the published locus program: sets of targets, each with the field files about it.
#include "published.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>

#include "skyfold/commands/file_list.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 5> sdss_bands = {"u", "g", "r", "i", "z"};

}  // namespace

std::string local_field_file(const std::string& path, const std::string& root) {
  fs::path file = fs::path(path).is_relative() && !root.empty() ? fs::path(root) / path : fs::path(path);
  const std::string stem = file.stem().string();
  // As in the published program: the stars of X.fit are those of X_local.fit.
  if (!stem.ends_with("_local")) file.replace_filename(stem + "_local" + file.extension().string());
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
    if (!set.reference.empty()) set.reference = local_field_file(set.reference, root);
  }
  // Now and not at the search: one of thousands of files that is missing would show hours later.
  const std::set<std::string> all = files();
  require_field_files(std::vector(all.begin(), all.end()));
  for (PublishedSet& set : sets_) {
    if (!set.reference.empty()) {
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
