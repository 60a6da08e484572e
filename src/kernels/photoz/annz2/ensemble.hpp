#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "member.hpp"
#include "weighting.hpp"

namespace skyfold::annz2 {

/// The models that answer, and what each is worth.
struct Ensemble {
  std::vector<Member> members;
  std::vector<double> weight;  ///< in the PDF, sum 1; shape [members]
  std::vector<double> usual;   ///< half the width of the residuals of all held-out objects; shape [members]
  std::size_t best = 0;        ///< place of the best one among the members

  /// Members that are in the PDF; the best one may answer without.
  [[nodiscard]] std::size_t in_pdf() const noexcept;
};

/// What is known of all models that were trained; shape [models].
struct Ranking {
  std::vector<Merit> merits;
  std::vector<double> weight, usual;
  std::size_t best = 0;

  /// Those that answer: with a weight, or the best.
  [[nodiscard]] bool answers(std::size_t model) const noexcept { return model == best || weight[model] > 0.0; }
};
/// Tables of a model: `models`, a row for each that was trained, and `members`, the numbers of those that answer.
void put_tables(PhotozModel& model, std::span<const Member> all, const Ranking& ranking);
/// Throws DataError for tables that do not fit each other.
[[nodiscard]] Ensemble ensemble_of(const PhotozModel& model, std::size_t inputs);

}  // namespace skyfold::annz2
