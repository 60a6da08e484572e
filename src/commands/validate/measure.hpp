#pragma once

#include <string>
#include <vector>

#include "estimates.hpp"
#include "pass.hpp"
#include "skyfold/kernels/validate/metrics.hpp"
#include "skyfold/kernels/validate/pdf_measures.hpp"

namespace skyfold {

/// Metrics of one set of objects with their bootstrap errors.
struct MeasuredSet {
  std::size_t model = 0;         ///< place among the models
  std::string subset;            ///< all, culled
  std::string by;                ///< "" for the whole subset, z_phot, magnitude, z_err for a bin of it
  double low = 0.0, high = 0.0;  ///< edges of the bin
  std::int64_t objects = 0;
  validation::Metrics value{}, error{};
};

/// A metric held against its limit.
struct JudgedMetric {
  std::size_t model = 0;
  std::string subset;
  validation::Metric metric{};
  double value = 0.0, error = 0.0, limit = 0.0;
  bool pass = false;
  bool within_error = false;  ///< missed by less than its error
};

struct MeasuredPit {
  std::size_t model = 0;
  std::string subset;
  validation::PitHistogram histogram;
};

/// Everything that is measured.
struct Validation {
  std::vector<MeasuredSet> whole;  ///< by model, then subset: all, culled
  std::vector<MeasuredSet> bins;   ///< by model, subset, quantity, increasing edges
  std::vector<MeasuredPit> pits;   ///< of models with PDFs
  std::vector<JudgedMetric> judged;

  [[nodiscard]] bool passes() const noexcept;
};

/// Measures all models, in a pass over the realisations of each; collective. The result is complete on every rank, and the same for any
/// number of ranks and threads.
[[nodiscard]] Validation measure(const ValidateOptions& o, const ValidationSample& sample, const std::vector<Estimates>& models,
                                 const ValidatePasses& passes);

}  // namespace skyfold
