// What machine learning sees of an object: magnitudes, colours, a reference magnitude and errors, standardised by the training
// set, with a bit for each feature that is there. The model stores the standardisation, so estimates repeat it exactly.
#include "skyfold/table/features.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

// One bit for each, in `Features::present`.
constexpr std::size_t most_features = 64;
constexpr const char* error_prefix = "err_";

std::optional<std::uint32_t> band_named(const std::vector<std::string>& bands, const std::string& name) {
  const auto found = std::find(bands.begin(), bands.end(), name);
  if (found == bands.end()) return {};
  return static_cast<std::uint32_t>(found - bands.begin());
}

std::string reference_band(const std::string& wanted, const std::vector<std::string>& bands) {
  if (!wanted.empty()) {
    if (!band_named(bands, wanted))
      throw UsageError(fmt::format("reference band '{}' is not one of the bands {}", wanted, join(bands, ",")));
    return wanted;
  }
  // The bands in which samples are usually cut.
  for (const char* usual : {"i", "r"})
    if (band_named(bands, usual)) return usual;
  return bands[bands.size() / 2];
}

}  // namespace

void describe(OptionSet& option, FeatureOptions& o, const std::string& section) {
  option(section + ".features", o.terms,
         "what is learned from: magnitudes, colours, wide_colours (every other band), reference, errors, or single ones as i, g-r, err_i");
  option(section + ".reference", o.reference, "band of the reference magnitude; empty: i, else r, else the middle one");
}

FeatureLayer::FeatureLayer(const FeatureOptions& o, const std::vector<std::string>& bands) {
  if (bands.empty()) throw UsageError("features need at least one band");
  const std::string reference = reference_band(o.reference, bands);
  for (const std::string& term : o.terms) add(term, bands, reference);
  if (features_.empty()) throw UsageError("no features (colours need at least two bands)");
  mean_.assign(size(), 0.0);
  deviation_.assign(size(), 1.0);
}

void FeatureLayer::add(const std::string& term, const std::vector<std::string>& bands, const std::string& reference) {
  const auto n = static_cast<std::uint32_t>(bands.size());
  if (term == "magnitudes") {
    for (std::uint32_t b = 0; b < n; ++b) add_one({Kind::magnitude, b}, bands[b]);
  } else if (term == "colours") {
    // Neighbours only: all other colours are sums of these.
    for (std::uint32_t b = 0; b + 1 < n; ++b) add_one({Kind::colour, b, b + 1}, bands[b] + "-" + bands[b + 1]);
  } else if (term == "wide_colours") {
    for (std::uint32_t b = 0; b + 2 < n; ++b) add_one({Kind::colour, b, b + 2}, bands[b] + "-" + bands[b + 2]);
  } else if (term == "reference") {
    add_one({Kind::magnitude, *band_named(bands, reference)}, reference);
  } else if (term == "errors") {
    for (std::uint32_t b = 0; b < n; ++b) add_one({Kind::error, b}, error_prefix + bands[b]);
  } else if (const auto band = band_named(bands, term)) {
    add_one({Kind::magnitude, *band}, term);
  } else if (const auto error = term.starts_with(error_prefix) ? band_named(bands, term.substr(4)) : std::nullopt) {
    add_one({Kind::error, *error}, term);
  } else {
    // Names of bands may hold a dash themselves: each one is tried as the minus.
    for (std::size_t at = term.find('-'); at != std::string::npos; at = term.find('-', at + 1)) {
      const auto blue = band_named(bands, term.substr(0, at)), red = band_named(bands, term.substr(at + 1));
      if (blue && red) return add_one({Kind::colour, *blue, *red}, term);
    }
    throw UsageError(
        fmt::format("'{}' is not a feature of the bands {} (magnitudes, colours, wide_colours, reference, errors, a band, a colour "
                    "such as {}-{}, an error such as {}{})",
                    term, join(bands, ","), bands.front(), bands.back(), error_prefix, bands.front()));
  }
}

/// A term that a group has brought already is left out: "magnitudes,reference" has the reference once.
void FeatureLayer::add_one(const Feature& feature, const std::string& name) {
  if (std::find(names_.begin(), names_.end(), name) != names_.end()) return;
  if (features_.size() == most_features) throw UsageError(fmt::format("more than {} features", most_features));
  features_.push_back(feature);
  names_.push_back(name);
}

std::uint32_t FeatureLayer::bands_of(std::size_t feature) const noexcept {
  const Feature& f = features_[feature];
  return (std::uint32_t{1} << f.band) | (f.kind == Kind::colour ? std::uint32_t{1} << f.minus : 0u);
}

void FeatureLayer::standardise_by(const Photometry& training) {
  mean_.assign(size(), 0.0);
  deviation_.assign(size(), 1.0);
  Features raw;
  gather(training, raw);
  std::vector<double> mean(size(), 0.0), deviation(size(), 1.0);
  // One thread, in the order of the rows: the model gets the same bits on any machine.
  for (std::size_t f = 0; f < size(); ++f) {
    double count = 0.0, sum = 0.0, squares = 0.0;
    const auto for_each = [&](auto use) {
      for (std::size_t i = 0; i < raw.n_objects; ++i)
        if (raw.present[i] >> f & 1) use(raw.value[i * size() + f]);
    };
    for_each([&](double x) { count += 1.0, sum += x; });
    if (count > 0.0) mean[f] = sum / count;
    // In a second pass: the difference of two large sums would lose the digits of a narrow distribution.
    for_each([&](double x) { squares += (x - mean[f]) * (x - mean[f]); });
    // A constant feature keeps deviation 1: it says nothing, and divides nothing by 0.
    if (count > 1.0 && squares > 0.0) deviation[f] = std::sqrt(squares / (count - 1.0));
  }
  mean_ = std::move(mean);
  deviation_ = std::move(deviation);
}

void FeatureLayer::gather(const Photometry& photometry, Features& out) const {
  const std::size_t n = photometry.n_objects, n_bands = photometry.n_bands, width = size();
  out.n_objects = n;
  out.n_features = width;
  out.value.resize(n * width);
  out.present.assign(n, 0);
  for (std::size_t f = 0; f < width; ++f) {
    const Feature feature = features_[f];
    // The loop over features is outside: within it one column of magnitudes is read from beginning to end.
    const double mean = mean_[f], scale = 1.0 / deviation_[f];
    const double* first = (feature.kind == Kind::error ? photometry.mag_err.data() : photometry.mag.data()) + feature.band;
    const double* second = photometry.mag.data() + feature.minus;
    const bool is_colour = feature.kind == Kind::colour;
    const std::uint32_t bands = bands_of(f);
    for (std::size_t i = 0; i < n; ++i) {
      const double raw = first[i * n_bands] - (is_colour ? second[i * n_bands] : 0.0);
      // All bands of the feature were observed. Whether they were detected is not asked here: a limit may stand for the magnitude.
      const bool is_present = (photometry.observed[i] & bands) == bands && std::isfinite(raw);
      out.value[i * width + f] = is_present ? (raw - mean) * scale : std::numeric_limits<double>::quiet_NaN();
      out.present[i] |= std::uint64_t{is_present} << f;
    }
  }
}

Table FeatureLayer::table() const {
  std::size_t longest = 1;
  for (const std::string& name : names_) longest = std::max(longest, name.size());
  Table table({{"name", Type::text, longest, "", "meta.id", "feature", ""},
               {"mean", Type::f8, 1, "", "stat.mean", "mean of the training set, which is subtracted", ""},
               {"deviation", Type::f8, 1, "", "stat.stdev", "standard deviation, which is divided by", ""}},
              size());
  const auto texts = table[0].values<char>();
  std::fill(texts.begin(), texts.end(), '\0');
  for (std::size_t f = 0; f < size(); ++f) {
    std::copy(names_[f].begin(), names_[f].end(), texts.begin() + static_cast<std::ptrdiff_t>(f * longest));
    table[1].values<double>()[f] = mean_[f];
    table[2].values<double>()[f] = deviation_[f];
  }
  return table;
}

void FeatureLayer::restore(const Table& table) {
  bool is_same = table.rows() == size();
  for (std::size_t f = 0; is_same && f < size(); ++f) is_same = table.at("name").text(f) == names_[f];
  // Numbers are told by their place in the list: with other names each would be standardised as another feature.
  if (!is_same) throw DataError("the model's features are not those of its parameters (damaged)");
  for (std::size_t f = 0; f < size(); ++f) {
    mean_[f] = table.at("mean").number(f);
    deviation_[f] = table.at("deviation").number(f);
  }
}

}  // namespace skyfold
