#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace skyfold {

/// What a validation leaves.
struct ValidationResult {
  const ValidateOptions& options;
  const ValidationSample& sample;
  const std::vector<Estimates>& models;
  const Validation& validation;
};

/// Writes the HDF5 product (docs/validate.md).
void write_validation(const std::string& path, const ValidationResult& result, const std::string& provenance);
/// The same numbers as JSON.
[[nodiscard]] std::string validation_json(const ValidationResult& result);
/// The closing table: the models side by side.
[[nodiscard]] std::string validation_summary(const ValidationResult& result);
/// A number with its error, to two digits of the error: "0.02341 +- 0.00052"; "-" for none.
[[nodiscard]] std::string with_error(double value, double error);

}  // namespace skyfold
