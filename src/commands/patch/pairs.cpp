// Catalogues with a map each: pairs of the command line, or the rows of a manifest, become lists of tables, maps and channels.
#include "pairs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/input_names.hpp"

namespace skyfold {
namespace {

/// Where a word is a pair, the place of its sign: not within brackets, where conditions stand; nothing for a file that is called so.
std::optional<std::size_t> sign_of(const std::string& word) {
  std::error_code ignored;
  if (std::filesystem::exists(word, ignored)) return std::nullopt;
  int depth = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    depth += word[i] == '[' ? 1 : word[i] == ']' ? -1 : 0;
    if (word[i] == '=' && depth == 0) return i;
  }
  return std::nullopt;
}

bool set_given(const std::vector<std::string>& words, PatchSourceOptions& sources, PatchMapOptions& maps) {
  const auto pairs = std::count_if(words.begin(), words.end(), [](const std::string& word) { return sign_of(word).has_value(); });
  if (pairs == 0) {
    // One table: its name, or the selection behind it, had commas.
    sources.paths = {join(words, ",")};
    if (maps.maps.empty()) throw UsageError("no maps (give --maps, or --sources CATALOGUE=MAP,...)");
    return false;
  }
  if (!maps.maps.empty()) throw UsageError("--maps and pairs in --sources (each catalogue there names its map: leave out --maps)");
  for (const std::string& word : words) {
    const auto sign = sign_of(word);
    if (!sign) throw UsageError(fmt::format("'{}' of --sources has no map (either all are CATALOGUE=MAP, or there is one table)", word));
    const std::string catalogue = word.substr(0, *sign), map = word.substr(*sign + 1);
    if (catalogue.empty() || map.empty()) throw UsageError(fmt::format("'{}' of --sources is no pair CATALOGUE=MAP", word));
    sources.paths.push_back(catalogue);
    maps.maps.push_back(map);
  }
  return true;
}

/// A manifest's cells as texts.
class Manifest {
 public:
  explicit Manifest(const std::string& path) : path_(path) {
    SourceOptions o;
    // Texts whatever they look like: 030 is the name of a channel.
    const Dataset guessed(path, o);
    for (const ColumnInfo& column : guessed.schema())
      if (column.type != Type::text && column.width == 1) o.text.push_back(column.name);
    const Dataset dataset(path, o);
    schema_ = dataset.schema();
    table_ = dataset.read(schema_);
    if (table_.rows() == 0) throw DataError(fmt::format("{}: no rows", path));
  }

  [[nodiscard]] std::size_t rows() const noexcept { return table_.rows(); }
  /// The name that a column has, or nothing. Throws DataError where it must be there.
  [[nodiscard]] std::string column(const std::vector<std::string>& names, bool is_needed) const {
    std::string name = known_column(schema_, names);
    if (name.empty() && is_needed)
      throw DataError(fmt::format("{}: no column {} (a manifest has frequency, catalogue and map)", path_, names[0]));
    return name;
  }
  [[nodiscard]] std::string cell(const std::string& column, std::size_t row) const {
    std::string text(trim(table_.at(column).info().type == Type::text ? std::string(table_.at(column).text(row))
                                                                      : shortest(table_.at(column).number(row))));
    if (text.empty()) throw DataError(fmt::format("{}, row {}: {} is empty", path_, row + 1, column));
    return text;
  }
  /// A file, whose name counts from the manifest's folder.
  [[nodiscard]] std::string file(const std::string& column, std::size_t row) const {
    return (std::filesystem::path(path_).parent_path() / cell(column, row)).string();
  }

 private:
  std::string path_;
  Schema schema_;
  Table table_;
};

/// Channels by the manifest's frequencies, where the configuration has none.
void set_channels(const std::vector<std::string>& frequencies, PatchMapOptions& maps) {
  if (!maps.channels.empty()) return;
  maps.channels = frequencies;
  if (!maps.name.empty()) return;
  maps.name = frequencies;
  if (!maps.frequency.empty()) return;
  for (const std::string& frequency : frequencies) {
    const auto number = parse_double(frequency);
    if (!number) return maps.frequency.clear();
    maps.frequency.push_back(*number);
  }
}

void set_manifest(const std::string& path, PatchSourceOptions& sources, PatchMapOptions& maps) {
  const Manifest manifest(path);
  const std::string frequency = manifest.column({"frequency", "channel"}, true),
                    catalogue = manifest.column({"catalogue", "catalog", "sources"}, true), map = manifest.column({"map"}, true),
                    mask = manifest.column({"mask"}, false);
  if (!mask.empty() && !maps.masks.empty()) throw UsageError(fmt::format("--masks and masks in {} (give them once)", path));
  std::vector<std::string> frequencies;
  for (std::size_t row = 0; row < manifest.rows(); ++row) {
    frequencies.push_back(manifest.cell(frequency, row));
    sources.paths.push_back(manifest.file(catalogue, row));
    maps.maps.push_back(manifest.file(map, row));
    if (!mask.empty()) maps.masks.push_back(manifest.file(mask, row));
  }
  set_channels(frequencies, maps);
}

}  // namespace

bool set_pairs(const PatchPairing& pairing, PatchSourceOptions& sources, PatchMapOptions& maps) {
  sources.paths.clear();
  maps.maps = whole_names(maps.maps);
  maps.masks = whole_names(maps.masks);
  if (!pairing.manifest.empty()) {
    if (!pairing.sources.empty() || !maps.maps.empty())
      throw UsageError("--manifest and --sources or --maps (the manifest names the catalogues and their maps)");
    set_manifest(pairing.manifest, sources, maps);
    return true;
  }
  if (pairing.sources.empty()) throw UsageError("no sources (give --sources or --manifest)");
  return set_given(whole_names(pairing.sources), sources, maps);
}

}  // namespace skyfold
