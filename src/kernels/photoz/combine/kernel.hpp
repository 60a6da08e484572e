#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../common/estimates.hpp"
#include "bins.hpp"
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

/// Keeps weights in bins of magnitude with the members that are kept, and gives them back.
/// @param kept  numbers of the members
void put_weights(const BinnedWeights& weights, const std::vector<std::size_t>& kept, PhotozModel& model);
/// @param members  of the model, as `members_of` gives them
[[nodiscard]] BinnedWeights weights_of(const PhotozModel& model, const std::vector<Member>& members);

/// Sums PDFs of members on a grid: what is missing in one is left out, and what is left has unit integral.
///
/// @param estimates  of each member, with PDFs on the same grid
/// @param magnitude  of each object, by which it has its weights; NaN: not known
/// @param sum        shape [rows x bins]; NaN where no member has a PDF
void sum_pdfs(const std::vector<Table>& estimates, const BinnedWeights& weights, std::span<const double> magnitude, const PdfOptions& pdf,
              int threads, Table& sum);

/// Fills z_phot, z_err, n_bands and flags of estimates by the sums of their PDFs.
void take_points(const Table& sum, const PdfOptions& pdf, const std::vector<Table>& estimates, const std::string& point, int threads,
                 Table& out);

[[nodiscard]] Schema columns();
[[nodiscard]] std::unique_ptr<Kernel> make_kernel(const PhotozModel& model, const std::string& point, const BandColumns& columns,
                                                  const PdfOptions& pdf);

}  // namespace skyfold::combine
