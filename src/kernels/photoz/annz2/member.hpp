#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../../forest/boosting.hpp"
#include "options.hpp"
#include "transforms.hpp"

namespace skyfold::annz2 {

enum class Kind : std::uint8_t { network, trees };

/// What a model is: all of it is drawn by seed and number.
struct Recipe {
  Kind kind = Kind::network;
  Transform transform = Transform::none;
  network::Shape shape = {};             ///< of a network
  forest::RegressionOptions trees = {};  ///< of boosted trees
  std::size_t correct = 0;               ///< trees of the second stage
};
/// @param inputs  how many there are
[[nodiscard]] Recipe draw_recipe(const Options& o, std::size_t inputs, std::uint64_t seed, std::uint64_t number);

/// A trained model.
struct Member {
  Recipe recipe;
  std::vector<double> weights = {};    ///< of a network
  forest::RegressionTrees trees = {};  ///< or trees
  std::optional<forest::RegressionTrees> correction =
      {};  ///< second stage: what is taken off; its last attribute is the answer of the first
};
/// A model as numbers, and back. Throws DataError for numbers that are not of such a model.
[[nodiscard]] std::vector<double> numbers_of(const Member& member);
[[nodiscard]] Member member_of(const Recipe& recipe, std::size_t inputs, std::span<const double> numbers);

/// What all models are trained with.
struct Trainer {
  const Options& options;
  const TrainingSet& set;
  const network::Inputs& inputs;
  const Transforms& transforms;
  std::span<const double> weight;       ///< of all objects
  std::span<const std::uint32_t> rows;  ///< of which each model draws its own

  [[nodiscard]] Member train(const Recipe& recipe, std::uint64_t number, int threads, const AfterStep& told) const;
  [[nodiscard]] std::size_t iterations(std::size_t objects) const;
};

/// The models' answers for a chunk of objects. One per thread.
class MemberPass {
 public:
  /// All outlive this.
  MemberPass(const Transforms& transforms, std::span<const Member> members);

  /// To be filled for a chunk, then `run`.
  [[nodiscard]] std::span<double> input() noexcept { return input_; }
  void run();
  [[nodiscard]] double z(std::size_t member, std::size_t object) const noexcept { return z_[member * network::chunk + object]; }

 private:
  void answer(const Member& member, std::size_t number, std::span<double> z);

  const Transforms& transforms_;
  std::span<const Member> members_;
  std::vector<std::optional<network::Pass>> passes_;
  AlignedVector<double> input_;
  std::array<AlignedVector<double>, transform_kinds> seen_;   ///< by transform, [inputs x chunk]
  std::array<AlignedVector<float>, transform_kinds> single_;  ///< the same in single precision, with room for one more
  std::array<bool, transform_kinds> is_used_{};
  std::vector<double> z_;  ///< [members x chunk]
};

}  // namespace skyfold::annz2
