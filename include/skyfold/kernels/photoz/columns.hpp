#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/kernels/kernel.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {

/// Names of the forms that the columns of a product may have: skyfold's own, and those of surveys.
[[nodiscard]] std::vector<std::string> photoz_forms();

/// How a form is made and read.
struct PhotozForm {
  std::string name;            ///< as the user says it
  bool needs_pdf = false;      ///< its values are computed from PDFs
  bool needs_grid = false;     ///< which are on Euclid's grid
  bool needs_id = false;       ///< draws are keyed by it
  bool has_prefix = false;     ///< names begin with the algorithm's always; else with several models alone
  bool takes_several = false;  ///< models in one product
  /// Columns for histograms and the quality line, without prefix; the error is `z_err`, or with `z_err_high` half of the interval from
  /// `z_err` to that; "" where there is none.
  std::string z_phot, z_err, z_err_high, flags;
};
/// 601 redshifts from 0 to 6.
[[nodiscard]] PdfOptions euclid_grid();
/// Throws UsageError for a name that is none.
[[nodiscard]] PhotozForm photoz_form(const std::string& name);

/// What a kernel's columns are turned into.
struct ColumnsAsked {
  PhotozForm form;
  std::string prefix = {};     ///< of the visible columns, "dnf_" or ""
  PdfOptions pdf = {};         ///< of the kernel
  bool keeps_pdf = false;      ///< PDF columns are given, too, for a file of PDFs
  bool keeps_numbers = false;  ///< and their point estimates and quantiles
  std::string id = {};         ///< column of ids, where the form needs one
  std::uint64_t seed = 1;      ///< of draws
};
/// The kernel with columns in that form. Columns for the file of PDFs keep their names (`is_pdf_column`, `is_ancillary_column`).
/// Throws UsageError when the kernel does not give what the form needs.
[[nodiscard]] std::unique_ptr<Kernel> in_form(const ColumnsAsked& asked, std::unique_ptr<Kernel> kernel);

/// What tells of an object's PDF beside it: mode, median, mean, standard deviation, quantiles; as the qp library's users name them.
[[nodiscard]] const Schema& ancillary_columns();
/// Name in a kernel's output of one of them.
[[nodiscard]] std::string ancillary_name(const std::string& name);
[[nodiscard]] bool is_ancillary_column(const std::string& name);

}  // namespace skyfold
