#pragma once

#include <cstddef>
#include <vector>

#include "skyfold/kernels/mock/survey.hpp"

namespace skyfold {

/// Which objects of a mock survey have a spectroscopic redshift: bright surveys that are complete to i = 18.8, and
/// deep ones that thin out about i = 22.4, sooner for red galaxies and in the redshift desert, with few stars.
class SpectroscopicSelection {
 public:
  /// Scales the selection so that a part `fraction` of all objects is taken, measured on up to 32 cells spread
  /// over the survey.
  SpectroscopicSelection(const MockSurvey& survey, double fraction);

  /// Rows of `objects` (columns of MockSurvey::schema(), by position) that are selected, increasing. Whether an
  /// object is selected depends on that object alone.
  [[nodiscard]] std::vector<std::size_t> selected(const Table& objects) const;

 private:
  long seed_;
  double scale_ = 0.0;
};

}  // namespace skyfold
