#pragma once

#include <string>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Columns of a kernel's output that hold PDFs in the form that is asked for; "none" has none. Mixtures are as wide as `gaussians`.
[[nodiscard]] Schema pdf_columns(const PdfOptions& o, std::size_t gaussians);
/// True for such a column.
[[nodiscard]] bool is_pdf_column(const std::string& name);

/// The datasets that the qp library expects in the group `data` of a file, for the PDF columns among these, in the order of their names;
/// none when there are none.
[[nodiscard]] Schema pdf_datasets(const Schema& columns);
/// The column of a kernel that becomes a dataset; "" for a name that is none.
[[nodiscard]] std::string pdf_column_of(const std::string& dataset);
/// The group `meta` of a file of such PDFs: what they are, and what is the same for all of them. One row.
[[nodiscard]] Table pdf_meta(const PdfOptions& o);

}  // namespace skyfold
