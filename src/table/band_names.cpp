// Finds which columns of an unknown table are magnitudes and errors of several bands, by their names alone: first families of
// names that differ in a band, then pairs of families that differ in a word for error.
#include "band_names.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr std::size_t fewest_bands = 3;
constexpr char band_mark = '\x01';  // stands for the band in names that are compared

/// Columns that differ in the band alone.
struct BandFamily {
  std::string pattern;
  std::vector<std::string> bands;
  std::size_t first = 0;  ///< column of the table that comes first
  std::string plain;      ///< the pattern in lower case, without separators
};

/// Usual bands, blue to red; some surveys write the reddest ones in capitals.
const std::vector<std::string>& usual_bands() {
  static const std::vector<std::string> bands = {"u", "g", "r", "i", "z", "Z", "y", "Y"};
  return bands;
}

std::string plain_name(const std::string& pattern) {
  std::string name = pattern;
  for (const std::string_view mark : {"{band}", "{BAND}"})
    for (std::size_t at; (at = name.find(mark)) != std::string::npos;) name.replace(at, mark.size(), 1, band_mark);
  std::string plain;
  for (const char c : name)
    if (c == band_mark || std::isalnum(static_cast<unsigned char>(c)))
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

/// Patterns by the names of columns of numbers: each place of a band in a name gives one.
std::vector<BandFamily> families_of(const Schema& schema, const std::vector<std::string>& wanted) {
  std::unordered_map<std::string, std::pair<std::size_t, std::set<std::size_t>>> found;  // pattern: first column, bands
  const std::vector<std::string>& bands = wanted.empty() ? usual_bands() : wanted;
  for (std::size_t c = 0; c < schema.size(); ++c) {
    const std::string& name = schema[c].name;
    // A band's letter can stand anywhere in a name, also twice: every place is tried, and the family with most bands wins.
    if (schema[c].type == Type::text || schema[c].width != 1) continue;
    for (std::size_t b = 0; b < bands.size(); ++b) {
      const auto add = [&](const std::string& text, const char* mark) {
        for (std::size_t at = name.find(text); at != std::string::npos; at = name.find(text, at + 1)) {
          auto& family =
              found.try_emplace(name.substr(0, at) + mark + name.substr(at + text.size()), c, std::set<std::size_t>()).first->second;
          family.second.insert(b);
        }
      };
      add(bands[b], "{band}");
      const bool has_capitals = upper(bands[b]) != bands[b];
      if (has_capitals) add(upper(bands[b]), "{BAND}");
    }
  }
  std::vector<BandFamily> families;
  for (const auto& [pattern, family] : found) {
    BandFamily result{pattern, {}, family.first, plain_name(pattern)};
    for (const std::size_t b : family.second) {
      // z and Z, y and Y are one band unless the user names both.
      const bool repeats = wanted.empty() && !result.bands.empty() && lower(result.bands.back()) == lower(bands[b]);
      if (!repeats) result.bands.push_back(bands[b]);
    }
    if (wanted.empty() ? result.bands.size() >= fewest_bands : result.bands.size() == wanted.size()) families.push_back(std::move(result));
  }
  // The hash map has no order of its own: the table's first columns come first.
  std::sort(families.begin(), families.end(),
            [](const BandFamily& a, const BandFamily& b) { return std::tie(a.first, a.pattern) < std::tie(b.first, b.pattern); });
  return families;
}

struct RatedPair {
  BandPair pair;
  int partnership;    ///< 2 for names that agree, 1 for those that agree but for "mag"
  int likeness;       ///< see likeness_of_magnitudes
  std::size_t first;  ///< column of the table that comes first
};

std::string without(std::string name, std::string_view word) {
  if (const std::size_t at = name.find(word); at != std::string::npos) name.erase(at, word.size());
  return name;
}

/// What a name is without the word for error in it, in each way to read it.
std::vector<std::string> names_without_error(const std::string& error) {
  constexpr std::array<std::string_view, 10> words = {"uncertainty", "errors", "error", "sigma", "stdev",
                                                      "err",         "unc",    "rms",   "std",   "sig"};
  std::vector<std::string> names;
  for (const std::string_view word : words)
    for (std::size_t at = error.find(word); at != std::string::npos; at = error.find(word, at + 1))
      names.push_back(error.substr(0, at) + error.substr(at + word.size()));
  // As in VizieR: e_gmag belongs to gmag; dmag_g to mag_g.
  if (error.starts_with('e')) names.push_back(error.substr(1));
  if (error.starts_with('d') && error.find("mag") != std::string::npos) names.push_back(error.substr(1));
  return names;
}

/// How sure it is that columns so called are magnitudes; 0: they are not.
int likeness_of_magnitudes(const std::string& plain) {
  constexpr std::array<std::string_view, 9> others = {"flux", "snr", "ext", "flag", "lim", "depth", "nobs", "count", "ivar"};
  for (const std::string_view other : others)
    if (plain.find(other) != std::string::npos) return 0;
  if (plain.find("mag") != std::string::npos) return 3;
  if (plain == std::string(1, band_mark)) return 2;
  return 1;
}

}  // namespace

std::vector<BandPair> band_pairs(const Schema& schema, const std::vector<std::string>& wanted, const std::string& error) {
  const std::vector<BandFamily> families = families_of(schema, wanted);
  std::unordered_multimap<std::string, const BandFamily*> by_name, by_name_without_mag;
  for (const BandFamily& family : families) {
    if (likeness_of_magnitudes(family.plain) == 0) continue;
    by_name.emplace(family.plain, &family);
    by_name_without_mag.emplace(without(family.plain, "mag"), &family);
  }
  std::vector<RatedPair> rated;
  const auto rate = [&](const BandFamily& magnitude, const BandFamily& errors, int partnership) {
    // A family can be read as its own error, when it has a word for it within another word.
    if (&magnitude == &errors) return;
    RatedPair result{{magnitude.pattern, errors.pattern, {}, {}}, partnership, likeness_of_magnitudes(magnitude.plain), magnitude.first};
    for (const std::string& band : magnitude.bands) {
      const bool has_error = std::find(errors.bands.begin(), errors.bands.end(), band) != errors.bands.end();
      (has_error ? result.pair.bands : result.pair.without_error).push_back(band);
    }
    if (wanted.empty() ? result.pair.bands.size() >= fewest_bands : result.pair.without_error.empty()) rated.push_back(std::move(result));
  };
  for (const BandFamily& errors : families) {
    if (!error.empty()) {
      if (errors.pattern != error) continue;
      for (const auto& [name, magnitude] : by_name) rate(*magnitude, errors, names_without_error(errors.plain).empty() ? 1 : 2);
      continue;
    }
    for (const std::string& name : names_without_error(errors.plain))
      for (auto [at, end] = by_name.equal_range(name); at != end; ++at) rate(*at->second, errors, 2);
    const std::string short_error = without(errors.plain, "mag");
    for (const std::string& name : names_without_error(short_error))
      for (auto [at, end] = by_name_without_mag.equal_range(name); at != end; ++at)
        if (short_error != errors.plain || name != at->second->plain) rate(*at->second, errors, 1);
  }
  std::stable_sort(rated.begin(), rated.end(), [](const RatedPair& a, const RatedPair& b) {
    return std::tuple(-a.partnership, -a.likeness, a.pair.without_error.size(), -std::ssize(a.pair.bands), a.first, a.pair.error) <
           std::tuple(-b.partnership, -b.likeness, b.pair.without_error.size(), -std::ssize(b.pair.bands), b.first, b.pair.error);
  });
  std::vector<BandPair> pairs;
  std::set<std::string> taken;  // a family of magnitudes has one partner
  for (RatedPair& candidate : rated)
    if (taken.insert(candidate.pair.magnitude).second) pairs.push_back(std::move(candidate.pair));
  return pairs;
}

}  // namespace skyfold
