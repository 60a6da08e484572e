#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "products.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold::network {

/// How the photometry of an object that a net trains with is varied in each pass.
struct Variation {
  double hide = 0.0;   ///< share of the objects some of whose bands are hidden, so that the net learns to do without
  double noise = 0.0;  ///< magnitudes are redrawn with this part of their errors
};

/// What nets see of photometry: features (see FeatureLayer), errors as their logarithms, standardised, clipped at +-6; 0 where missing;
/// then for each band 1 if it is missing, else 0.
class Inputs {
 public:
  Inputs(const FeatureOptions& o, const std::vector<std::string>& bands);

  [[nodiscard]] std::size_t size() const noexcept { return layer_.size() + n_bands_; }
  [[nodiscard]] const FeatureLayer& layer() const noexcept { return layer_; }

  /// Means, deviations and ranges of the training set; `of` has the numbers of its objects that count, at least one.
  void standardise_by(const Photometry& training, std::span<const std::uint32_t> of);
  [[nodiscard]] Table table() const;
  /// Takes them from a model. Throws DataError when its features are not these.
  void restore(const Table& table);
  [[nodiscard]] std::span<const double> deviations() const noexcept { return deviation_; }

  /// Inputs of at most a chunk of objects of a block, shape [size() x chunk]; zeros for those that are not there.
  ///
  /// @param features  of the block, as `layer()` gathers them
  /// @param rows      of the objects in the block
  void fill(const Features& features, std::span<const std::uint32_t> observed, std::span<const std::uint32_t> rows,
            std::span<double> input) const;
  /// Bits of photoz flags that the photometry of an object of a block tells: bands and errors that are missing, features beyond those
  /// of all training objects.
  [[nodiscard]] std::int32_t flags(const Photometry& photometry, const Features& features, std::size_t row) const;
  /// True for an object with a feature beyond those of all training objects.
  [[nodiscard]] bool is_outside(const Features& features, std::size_t row) const;
  /// Makes places of the features of a block, for searches of neighbours: standardised, without errors, NaN where missing.
  void make_places(Features& features) const;
  /// How the inputs change with the magnitudes: row-major, shape [features x n_bands].
  [[nodiscard]] std::vector<double> slopes() const;

 private:
  double of_feature(std::size_t feature, double value) const;

  FeatureLayer layer_;
  std::size_t n_bands_;
  std::vector<double> mean_, deviation_, low_, high_;  ///< of features; low and high before standardising
};

/// Inputs of training objects, varied in each pass: by seed, id, number of the net and of the pass alone.
class VariedInputs {
 public:
  /// @param all, id  of the training set; they outlive this
  VariedInputs(const Inputs& inputs, const Photometry& all, std::span<const std::int64_t> id, const Variation& variation,
               std::uint64_t seed, std::uint64_t number);
  void fill(std::span<const std::uint32_t> rows, std::size_t epoch, std::span<double> input);

 private:
  void vary(std::size_t object, std::int64_t id, std::size_t epoch);

  const Inputs& inputs_;
  const Photometry& all_;
  std::span<const std::int64_t> id_;
  Variation variation_;
  std::uint64_t seed_, number_;
  Photometry some_;
  Features features_;
};

}  // namespace skyfold::network
