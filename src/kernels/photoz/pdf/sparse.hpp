#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"
#include "voigt.hpp"

namespace skyfold {

/// Steps of a coefficient of a sparse PDF from 0 to 1, and the most columns that 16 bits number.
inline constexpr std::int64_t sparse_steps = 32000;
inline constexpr std::size_t most_sparse_columns = 65536;

/// The dictionary of sparse PDFs that are written: a place at each point of the grid, Gaussians of one step and wider.
/// Throws UsageError for a grid of more points than can be numbered.
[[nodiscard]] VoigtDictionary::Axes sparse_axes(const PdfOptions& o);

/// Few columns of a dictionary whose sum resembles a PDF (Carrasco Kind & Brunner 2014, MNRAS 441, 3550): orthogonal matching pursuit,
/// then the coefficients whose distribution function is nearest. One for each thread.
class SparseFit {
 public:
  explicit SparseFit(const PdfOptions& o);

  /// @param density  at the points of the grid, shape [bins]
  /// @param codes    filled: coefficients, the first one 1, in the upper 16 bits, and columns in the lower ones; zeros where fewer do
  void fit(std::span<const float> density, std::span<std::int32_t> codes);

 private:
  /// Columns of one shape that are looked at: places that are a part of its width apart.
  struct Candidates {
    std::size_t first;   ///< number among all
    std::size_t stride;  ///< between places
    std::size_t count;
    std::ptrdiff_t reach;        ///< points on either side
    std::vector<float> profile;  ///< from -reach on, then zeros
    std::vector<float> inverse;  ///< norms
  };
  void correlate(std::span<const float> signal, std::size_t begin, std::size_t end, std::span<float> to) const;
  [[nodiscard]] std::size_t best_candidate() const;
  [[nodiscard]] bool take(std::size_t candidate, std::size_t taken);
  [[nodiscard]] std::size_t base_of(std::size_t candidate) const;
  void update(std::size_t taken);
  void fit_distribution(std::size_t taken);
  [[nodiscard]] bool solve(std::size_t n, const std::vector<double>& products, const std::vector<double>& right);

  VoigtDictionary dictionary_;
  std::size_t points_, most_;
  std::vector<Candidates> shapes_;
  std::size_t candidates_ = 0;
  std::vector<float> signal_;                        ///< with room around it
  std::vector<float> start_, now_;                   ///< of the PDF, and of what is left of it, with each candidate
  std::vector<std::vector<float>> with_candidates_;  ///< of the columns taken
  std::vector<std::vector<double>> columns_;
  std::vector<std::size_t> bases_;
  std::vector<double> density_, products_, right_, solution_, factor_;
};

}  // namespace skyfold
