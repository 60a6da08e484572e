// Catalogue tags of RAIL, as its users keep them: YAML read by yaml-cpp, every key looked at, so that none is passed over in silence.
#include "skyfold/dataset/catalog_tag.hpp"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

/// Far beyond any list of tags; what is larger is some other file.
constexpr std::int64_t most_bytes = 4 << 20;

struct TagName {
  std::string path, tag;
};

TagName parts_of(const std::string& survey) {
  const std::size_t slash = survey.rfind('/'), colon = survey.rfind(':');
  const bool has_tag = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return has_tag ? TagName{survey.substr(0, colon), survey.substr(colon + 1)} : TagName{survey, ""};
}

/// A YAML file in memory, with its name for messages.
class TagFile {
 public:
  explicit TagFile(std::string path) : path_(std::move(path)) {
    refuse_special_input(path_);
    const File file = File::for_reading(path_);
    if (file.size() > most_bytes) throw UsageError(fmt::format("{}: has {} bytes (no file of catalogue tags)", path_, file.size()));
    const std::string text = read_file(path_);
    refuse_tabs(text);
    try {
      root_ = YAML::Load(text);
    } catch (const YAML::Exception& error) {
      throw UsageError(fmt::format("{}, line {}: is no YAML ({})", path_, error.mark.line + 1, one_line(error.msg)));
    }
    if (!root_.IsMap()) throw UsageError(path_ + ": has no CatalogTags (a file of RAIL's catalogue tags is needed)");
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const YAML::Node& root() const { return root_; }

  [[noreturn]] void fail(const YAML::Node& at, const std::string& problem) const {
    throw UsageError(fmt::format("{}, line {}: {}", path_, at.Mark().line + 1, problem));
  }
  [[nodiscard]] std::string text(const YAML::Node& node, const std::string& key) const {
    if (!node.IsScalar()) fail(node, fmt::format("{} is no single value", key));
    return node.Scalar();
  }
  [[nodiscard]] double number(const YAML::Node& node, const std::string& key) const {
    std::string value = lower(text(node, key));
    // YAML writes .nan and .inf.
    std::erase_if(value,
                  [&](char c) { return c == '.' && (value.find("nan") != std::string::npos || value.find("inf") != std::string::npos); });
    const auto parsed = parse_double(value);
    if (!parsed) fail(node, fmt::format("{} = {} is not a number", key, one_line(node.Scalar())));
    return *parsed;
  }
  /// The entries of a mapping, each key once and one of those that are known.
  [[nodiscard]] std::map<std::string, YAML::Node> entries(const YAML::Node& node, const std::string& what,
                                                          const std::vector<std::string>& known) const {
    if (!node.IsMap()) fail(node, fmt::format("{} has no keys", what));
    std::map<std::string, YAML::Node> entries;
    for (const auto& entry : node) {
      const std::string key = text(entry.first, "a key");
      if (!known.empty() && std::ranges::find(known, key) == known.end()) {
        const std::string nearest = nearest_name(key, known);
        fail(entry.first,
             fmt::format("{}: RAIL knows no key '{}'{}", what, one_line(key), nearest.empty() ? "" : ", did you mean '" + nearest + "'?"));
      }
      if (!entries.emplace(key, entry.second).second) fail(entry.first, fmt::format("{}: '{}' is there twice", what, one_line(key)));
    }
    return entries;
  }
  /// The things of a list `- Kind: {...}` at the top.
  [[nodiscard]] std::vector<YAML::Node> list(const char* name, const char* kind) const {
    std::vector<YAML::Node> things;
    const YAML::Node node = root_[name];
    if (!node) return things;
    if (!node.IsSequence()) fail(node, fmt::format("{} is no list", name));
    for (const auto& item : node) {
      const auto thing = entries(item, name, {kind});
      if (thing.empty()) fail(item, fmt::format("{} has an entry without {}", name, kind));
      things.push_back(thing.at(kind));
    }
    return things;
  }

 private:
  /// Told by ourselves: a parser of YAML speaks of an unexpected token, somewhere behind.
  void refuse_tabs(const std::string& text) const {
    int number = 0;
    for (const std::string& line : split_lines(text)) {
      ++number;
      const std::string_view blanks = std::string_view(line).substr(0, std::min(line.size(), line.find_first_not_of(" \t")));
      if (blanks.size() < line.size() && blanks.find('\t') != std::string_view::npos)
        throw UsageError(fmt::format("{}, line {}: a tab indents it (YAML takes blanks alone)", path_, number));
    }
  }
  static std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }

  std::string path_;
  YAML::Node root_;
};

using Entries = std::map<std::string, YAML::Node>;
const std::vector<std::string> band_keys{"mag_limit", "filter", "mag_column_name", "mag_err_column_name", "zp_error", "replace_error_val"};
const std::vector<std::string> tag_keys{"name",
                                        "mag_column_template",
                                        "mag_err_column_template",
                                        "filter_template",
                                        "redshift_col",
                                        "object_id_col",
                                        "nondetect_val",
                                        "nonobserved_val",
                                        "hdf5_groupname",
                                        "ref_band",
                                        "zp_error_default",
                                        "replace_error_val_default",
                                        "bands",
                                        "band_list"};

Entries chosen_tag(const TagFile& file, const std::string& wanted) {
  std::vector<std::string> names;
  std::vector<Entries> tags;
  for (const YAML::Node& tag : file.list("CatalogTags", "CatalogTag")) {
    tags.push_back(file.entries(tag, "CatalogTag", tag_keys));
    if (!tags.back().contains("name")) file.fail(tag, "CatalogTag has no name");
    names.push_back(file.text(tags.back().at("name"), "name"));
  }
  if (tags.empty()) throw UsageError(file.path() + ": has no CatalogTags (a file of RAIL's catalogue tags is needed)");
  if (wanted.empty() && tags.size() == 1) return tags.front();
  const auto found = std::ranges::find(names, wanted);
  if (found != names.end()) return tags[static_cast<std::size_t>(found - names.begin())];
  throw UsageError(fmt::format("--survey {}{}: {} (there are: {})", file.path(), wanted.empty() ? "" : ":" + wanted,
                               wanted.empty() ? "has several catalogue tags, name one as FILE.yaml:TAG" : "no such catalogue tag",
                               join(names, ", ")));
}

std::map<std::string, double> coefficients_of_filters(const TagFile& file) {
  std::map<std::string, double> coefficients;
  for (const YAML::Node& band : file.list("Bands", "Band")) {
    const Entries entries = file.entries(band, "Band", {"name", "a_env"});
    if (!entries.contains("name") || !entries.contains("a_env")) file.fail(band, "Band needs name and a_env");
    coefficients[file.text(entries.at("name"), "name")] = file.number(entries.at("a_env"), "a_env");
  }
  return coefficients;
}

/// What a pattern names for a band; a name that differs has no place in our options.
void check_column(const TagFile& file, const Entries& band, const char* key, const std::string& pattern, const std::string& name) {
  const auto own = band.find(key);
  if (own == band.end() || file.text(own->second, key) == band_column(pattern, name)) return;
  file.fail(own->second,
            fmt::format("band {}: {} = {} is not what the pattern {} gives (skyfold reads bands by one pattern: rename the column, or "
                        "leave the band out of band_list)",
                        name, key, own->second.Scalar(), pattern));
}

/// A key of RAIL's that has no counterpart, or one that other options have.
void say_unused(const TagFile& file, const Entries& entries, const std::string& key, const std::string& band, const char* why) {
  const auto found = entries.find(key);
  if (found == entries.end()) return;
  log_info(fmt::format("{}, line {}: {}{} = {} is not used ({})", file.path(), found->second.Mark().line + 1,
                       band.empty() ? "" : "bands." + band + ".", key, one_line(file.text(found->second, key)), why));
}

/// The value that stands for one kind of missing magnitude. RAIL's defaults are NaN and infinity.
void take_guard(const TagFile& file, const Entries& tag, const char* key, double usual, const char* meaning, std::vector<double>& numbers,
                BandOptions& bands) {
  const auto found = tag.find(key);
  const double value = found == tag.end() ? usual : file.number(found->second, key);
  if (std::isnan(value))
    bands.nan = meaning;
  else if (std::isinf(value))
    bands.inf = meaning;
  else
    numbers = {value};
}

void take_bands(const TagFile& file, const Entries& tag, SurveyPreset& preset) {
  const auto list = tag.find("band_list"), bands = tag.find("bands");
  if (list == tag.end() || !list->second.IsSequence() || list->second.size() == 0)
    file.fail(tag.at("name"), fmt::format("CatalogTag {}: band_list is no list of bands", tag.at("name").Scalar()));
  const Entries of_bands = bands == tag.end() ? Entries{} : file.entries(bands->second, "bands", {});
  const std::map<std::string, double> filters = coefficients_of_filters(file);
  const std::string pattern = tag.contains("filter_template") ? file.text(tag.at("filter_template"), "filter_template") : "";
  for (const auto& item : list->second) {
    const std::string name = file.text(item, "band_list");
    const auto own = of_bands.find(name);
    const Entries band = own == of_bands.end() ? Entries{} : file.entries(own->second, "bands." + name, band_keys);
    check_column(file, band, "mag_column_name", preset.bands.magnitude, name);
    check_column(file, band, "mag_err_column_name", preset.bands.error, name);
    for (const char* key : {"zp_error", "replace_error_val"}) say_unused(file, band, key, name, "errors are taken as they are");
    preset.bands.bands.push_back(name);
    if (band.contains("mag_limit")) preset.bands.limits.push_back(file.number(band.at("mag_limit"), "mag_limit"));
    const std::string filter = band.contains("filter") ? file.text(band.at("filter"), "filter") : band_column(pattern, name);
    if (filters.contains(filter)) preset.coefficients.push_back(fmt::format("{}:{}", name, shortest(filters.at(filter))));
  }
  if (!preset.bands.limits.empty() && preset.bands.limits.size() != preset.bands.bands.size())
    file.fail(list->second, fmt::format("{} of {} bands have a mag_limit", preset.bands.limits.size(), preset.bands.bands.size()));
  // Coefficients of some bands would be an error wherever extinction is taken off, so that it is said there.
}

}  // namespace

bool is_catalog_tag(const std::string& survey) {
  const std::string path = lower(parts_of(survey).path);
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

SurveyPreset catalog_tag_preset(const std::string& survey) {
  const auto [path, wanted] = parts_of(survey);
  const TagFile file(path);
  for (const auto& entry : file.root())
    if (const std::string key = file.text(entry.first, "a key"); key != "Bands" && key != "CatalogTags")
      file.fail(entry.first, fmt::format("RAIL knows no '{}' here (Bands and CatalogTags)", one_line(key)));
  const Entries tag = chosen_tag(file, wanted);
  SurveyPreset preset;
  preset.path = path;
  for (const auto& [key, to] :
       {std::pair{"mag_column_template", &preset.bands.magnitude}, {"mag_err_column_template", &preset.bands.error}}) {
    if (!tag.contains(key)) file.fail(tag.at("name"), fmt::format("CatalogTag {} has no {}", tag.at("name").Scalar(), key));
    *to = file.text(tag.at(key), key);
    if (to->find("{band}") == std::string::npos) file.fail(tag.at(key), fmt::format("{} = {} has no {{band}}", key, *to));
  }
  take_bands(file, tag, preset);
  take_guard(file, tag, "nondetect_val", std::nan(""), "nondetection", preset.bands.nondetection, preset.bands);
  take_guard(file, tag, "nonobserved_val", HUGE_VAL, "missing", preset.bands.missing, preset.bands);
  for (const auto& [key, why] : {std::pair{"redshift_col", "name it by --columns.z, if it is not found"},
                                 {"object_id_col", "name it by --columns.id, if it is not found"},
                                 {"hdf5_groupname", "--input.group names it"},
                                 {"ref_band", "algorithms have options of their own for it"},
                                 {"zp_error_default", "errors are taken as they are"},
                                 {"replace_error_val_default", "errors are taken as they are"}})
    say_unused(file, tag, key, "", why);
  return preset;
}

}  // namespace skyfold
