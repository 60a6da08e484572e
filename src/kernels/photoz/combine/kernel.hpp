#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../common/estimates.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold::combine {

/// A trained member and its weight.
struct Member {
  double weight = 0.0;
  PhotozModel model;
};
/// Keeps members in the model that they make together, and gives them back.
void put_members(const std::vector<Member>& members, PhotozModel& model);
[[nodiscard]] std::vector<Member> members_of(const PhotozModel& model);

/// Sums PDFs of members on a grid: what is missing in one is left out, and what is left has unit integral.
///
/// @param estimates  of each member, with PDFs on the same grid
/// @param sum        shape [rows x bins]; NaN where no member has a PDF
void sum_pdfs(const std::vector<Table>& estimates, const std::vector<double>& weights, const PdfOptions& pdf, int threads, Table& sum);

/// Fills z_phot, z_err, n_bands and flags of estimates by the sums of their PDFs.
void take_points(const Table& sum, const PdfOptions& pdf, const std::vector<Table>& estimates, const std::string& point, int threads,
                 Table& out);

[[nodiscard]] Schema columns();
[[nodiscard]] std::unique_ptr<Kernel> make_kernel(const PhotozModel& model, const std::string& point, const BandColumns& columns,
                                                  const PdfOptions& pdf);

}  // namespace skyfold::combine
