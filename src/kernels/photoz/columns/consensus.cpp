// Several models about the same objects: the mean by inverse variance of the half widths of their 68 % intervals, as if their errors were
// independent, and whether each two of them agree.
#include "skyfold/kernels/photoz/consensus.hpp"

#include <cmath>
#include <limits>

#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

constexpr std::int32_t unknown = -1;

struct Estimate {
  double z, sigma;
};

bool all_agree(const std::vector<Estimate>& some, double sigmas) {
  for (std::size_t i = 0; i < some.size(); ++i)
    for (std::size_t j = i + 1; j < some.size(); ++j)
      if (std::abs(some[i].z - some[j].z) > sigmas * std::hypot(some[i].sigma, some[j].sigma)) return false;
  return true;
}

}  // namespace

Consensus::Consensus(const PhotozForm& form, const std::vector<std::string>& prefixes, double sigmas) : sigmas_(sigmas) {
  for (const std::string& prefix : prefixes)
    names_.push_back({prefix + form.z_phot, prefix + form.z_err, form.z_err_high.empty() ? "" : prefix + form.z_err_high});
}

Schema Consensus::columns() {
  return {{"consensus_z_phot", Type::f8, 1, "", "src.redshift.phot", "mean of the models' redshifts by inverse variance", ""},
          {"consensus_z_err", Type::f4, 1, "", "stat.error;src.redshift.phot", "its error, if theirs are independent", ""},
          {"consensus_chi2", Type::f4, 1, "", "stat.fit.chi2", "squared deviations of the models from it, in units of their errors", ""},
          {"consensus_n", Type::i4, 1, "", "meta.number", "models with a redshift and an error", ""},
          {"consensus_agrees", Type::i4, 1, "", "meta.code", "1: each two of them agree; 0: not; -1: there are not two", "", unknown}};
}

void Consensus::fill(const std::vector<const Table*>& estimates, int threads, Table& out) const {
  const auto z_phot = out.at("consensus_z_phot").values<double>();
  const auto z_err = out.at("consensus_z_err").values<float>(), chi2 = out.at("consensus_chi2").values<float>();
  const auto n = out.at("consensus_n").values<std::int32_t>(), agrees = out.at("consensus_agrees").values<std::int32_t>();
  parallel_for(out.rows(), 1024, threads, [&](std::size_t begin, std::size_t end, int) {
    std::vector<Estimate> some;
    for (std::size_t row = begin; row < end; ++row) {
      some.clear();
      double weights = 0.0, sum = 0.0, squares = 0.0;
      for (std::size_t m = 0; m < names_.size(); ++m) {
        const double z = estimates[m]->at(names_[m].z).number(row), error = estimates[m]->at(names_[m].error).number(row);
        const std::string& high = names_[m].error_high;
        const double sigma = high.empty() ? error : 0.5 * (estimates[m]->at(high).number(row) - error);
        if (!std::isfinite(z) || !(sigma > 0.0) || !std::isfinite(sigma)) continue;
        some.push_back({z, sigma});
        weights += 1.0 / (sigma * sigma);
        sum += z / (sigma * sigma);
      }
      constexpr double nan = std::numeric_limits<double>::quiet_NaN();
      const double mean = some.empty() ? nan : sum / weights;
      for (const Estimate& e : some) squares += (e.z - mean) * (e.z - mean) / (e.sigma * e.sigma);
      z_phot[row] = mean;
      z_err[row] = static_cast<float>(some.empty() ? nan : 1.0 / std::sqrt(weights));
      chi2[row] = static_cast<float>(some.empty() ? nan : squares);
      n[row] = static_cast<std::int32_t>(some.size());
      agrees[row] = some.size() < 2 ? unknown : all_agree(some, sigmas_) ? 1 : 0;
    }
  });
}

}  // namespace skyfold
