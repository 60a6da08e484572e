#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/photometry.hpp"

namespace skyfold {

class OptionSet;

/// What the photometry of an object is turned into for an algorithm that learns.
struct FeatureOptions {
  /// Groups (magnitudes, colours, wide_colours, reference, errors) and single terms: a band ("i"), a colour ("g-r"), an error ("err_i").
  std::vector<std::string> terms = {"colours", "reference"};
  std::string reference;  ///< band of the reference magnitude; empty: i, else r, else the middle one
};
/// Adds the options `SECTION.features` and `SECTION.reference`.
void describe(OptionSet& option, FeatureOptions& o, const std::string& section);

/// Features of a block of objects: row-major, features fastest.
struct Features {
  std::size_t n_objects = 0, n_features = 0;
  AlignedVector<double> value;           ///< [n_objects x n_features]; NaN where missing
  AlignedVector<std::uint64_t> present;  ///< [n_objects] bit f set: feature f is a number
};

/// The feature layer: magnitudes, colours of neighbouring bands, a reference magnitude and magnitude errors, standardised by
/// the mean and standard deviation of the training set. All algorithms that learn from photometry use it, and keep its table in
/// their model.
///
/// A feature is missing where a band that it rests on was not observed (an error also where there is none); a band that was
/// observed without a detection has its limiting magnitude and the error 1, as `gather_photometry` gives them.
class FeatureLayer {
 public:
  /// A layer that does not standardise yet: means 0, deviations 1.
  /// Throws UsageError for terms that are not understood, repeat one another, or are none or more than 64.
  FeatureLayer(const FeatureOptions& o, const std::vector<std::string>& bands);

  [[nodiscard]] std::size_t size() const noexcept { return features_.size(); }
  /// "g-r", "i", "err_i", in the order of the terms.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// Bit b set: band b is used by feature `feature`.
  [[nodiscard]] std::uint32_t bands_of(std::size_t feature) const noexcept;
  /// True for features that are magnitude errors.
  [[nodiscard]] bool is_error(std::size_t feature) const noexcept { return features_[feature].kind == Kind::error; }

  /// Sets means and standard deviations (n - 1 in the denominator) to those of the objects that have the feature; a feature
  /// that fewer than two objects have, or that does not vary, keeps the deviation 1.
  void standardise_by(const Photometry& training);
  [[nodiscard]] std::span<const double> means() const noexcept { return mean_; }
  [[nodiscard]] std::span<const double> deviations() const noexcept { return deviation_; }

  /// Standardised features of a block; `out` is a reused buffer.
  void gather(const Photometry& photometry, Features& out) const;

  /// Names, means and deviations for a model file, one row per feature: columns `name`, `mean`, `deviation`.
  [[nodiscard]] Table table() const;
  /// Takes means and deviations from such a table. Throws DataError when its names are not those of this layer.
  void restore(const Table& table);

 private:
  enum class Kind : std::uint8_t { magnitude, colour, error };
  struct Feature {
    Kind kind;
    std::uint32_t band = 0, minus = 0;  ///< magnitude of `band`, less that of `minus` for a colour
  };
  void add(const std::string& term, const std::vector<std::string>& bands, const std::string& reference);
  void add_one(const Feature& feature, const std::string& name);

  std::vector<Feature> features_;
  std::vector<std::string> names_;
  std::vector<double> mean_, deviation_;
};

}  // namespace skyfold
