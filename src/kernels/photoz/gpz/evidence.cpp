// Evidence of the sparse Gaussian process and its gradient. All that grows with the objects is a product of matrices of monomials of
// the features: squared distances are quadratic forms in them, and so are the sums that the gradient needs.
#include "evidence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../common/eigen.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold::gpz {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Index = Eigen::Index;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::size_t block_rows = 1024;
constexpr double largest_log_precision = 25.0;  // a noise of 4e-6: beyond, rounding would rule

Index index(std::size_t i) { return static_cast<Index>(i); }

/// G_j, upper triangular, from its numbers row by row.
MatrixXd factor_of(const Layout& l, std::span<const double> parameters, std::size_t j) {
  MatrixXd g = MatrixXd::Zero(index(l.features), index(l.features));
  std::size_t at = l.factors() + j * l.factor();
  for (Index r = 0; r < g.rows(); ++r)
    for (Index c = r; c < g.cols(); ++c) g(r, c) = parameters[at++];
  return g;
}

}  // namespace

std::vector<double> quadratic_forms(const Layout& l, std::span<const double> parameters) {
  std::vector<double> forms(l.basis * l.monomials());
  for (std::size_t j = 0; j < l.basis; ++j) {
    const MatrixXd g = factor_of(l, parameters, j), a = g.transpose() * g;
    const Eigen::Map<const VectorXd> p(&parameters[l.centres() + j * l.features], index(l.features));
    const VectorXd ap = a * p;
    double* form = &forms[j * l.monomials()];
    *form++ = p.dot(ap);
    for (Index k = 0; k < a.rows(); ++k) *form++ = -2.0 * ap[k];
    for (Index k = 0; k < a.rows(); ++k)
      for (Index c = k; c < a.cols(); ++c) *form++ = (k == c ? 1.0 : 2.0) * a(k, c);
  }
  return forms;
}

struct Evidence::Impl {
  Layout layout;
  int threads;
  MatrixXd monomial;  ///< [n x monomials]
  VectorXd y, weight;
  double weights = 0.0;
  MatrixXd phi;            ///< [n x terms]
  VectorXd log_precision;  ///< [n]
  struct Block {           ///< sums over a block
    MatrixXd matrix, moments;
    VectorXd vector, noise;
    double value = 0.0;
  };
  std::vector<Block> blocks;

  void for_blocks(const std::function<void(Index first, Index n, Block& block)>& work) {
    const auto n = static_cast<std::size_t>(y.size());
    parallel_for(n, block_rows, threads,
                 [&](std::size_t begin, std::size_t end, int) { work(index(begin), index(end - begin), blocks[begin / block_rows]); });
  }
  void evaluate_basis(std::span<const double> parameters);
  bool solve(std::span<const double> parameters, Eigen::LLT<MatrixXd>& s, VectorXd& w);
  void add_block_gradient(Index first, Index n, Block& block, const MatrixXd& inverse, const VectorXd& w, const VectorXd& u);
  void add_shapes(const MatrixXd& moments, std::span<const double> parameters, std::span<double> gradient) const;
};

Evidence::Evidence(const Layout& layout, const Rows& rows, int threads) : impl_(std::make_unique<Impl>()) {
  Impl& p = *impl_;
  p.layout = layout;
  p.threads = threads;
  const Index n = index(rows.n), d = index(layout.features);
  p.monomial.resize(n, index(layout.monomials()));
  const Eigen::Map<const RowMatrix> x(rows.feature.data(), n, d);
  p.monomial.col(0).setOnes();
  p.monomial.middleCols(1, d) = x;
  Index at = 1 + d;
  for (Index k = 0; k < d; ++k)
    for (Index c = k; c < d; ++c) p.monomial.col(at++) = x.col(k).cwiseProduct(x.col(c));
  p.y = Eigen::Map<const VectorXd>(rows.y.data(), n);
  p.weight = Eigen::Map<const VectorXd>(rows.weight.data(), n);
  p.weights = p.weight.sum();
  p.phi.resize(n, index(layout.terms()));
  p.log_precision.resize(n);
  p.blocks.resize((rows.n + block_rows - 1) / block_rows);
}

Evidence::~Evidence() = default;

void Evidence::Impl::evaluate_basis(std::span<const double> parameters) {
  const Index m = index(layout.basis), d = index(layout.features);
  const std::vector<double> forms = quadratic_forms(layout, parameters);
  const Eigen::Map<const RowMatrix> form(forms.data(), m, index(layout.monomials()));
  const Eigen::Map<const VectorXd> u(&parameters[layout.noise()], m);
  const double b = parameters[layout.noise_constant()];
  for_blocks([&](Index first, Index n, Block& block) {
    auto its = phi.middleRows(first, n);
    its.leftCols(m) = (-0.5 * (monomial.middleRows(first, n) * form.transpose()).array().max(0.0)).exp().matrix();
    its.middleCols(m, d) = monomial.block(first, 1, n, d);
    its.col(m + d).setOnes();
    log_precision.segment(first, n) = ((its.leftCols(m) * u).array() + b).max(-largest_log_precision).min(largest_log_precision).matrix();
    const VectorXd precision = (log_precision.segment(first, n).array().exp() * weight.segment(first, n).array()).matrix();
    const MatrixXd weighted = precision.cwiseSqrt().asDiagonal() * its;
    block.matrix = MatrixXd::Zero(phi.cols(), phi.cols());
    block.matrix.selfadjointView<Eigen::Lower>().rankUpdate(weighted.transpose());
    block.vector = its.transpose() * precision.cwiseProduct(y.segment(first, n));
  });
}

/// S and w; false where S is not positive definite.
bool Evidence::Impl::solve(std::span<const double> parameters, Eigen::LLT<MatrixXd>& s, VectorXd& w) {
  MatrixXd sum = blocks[0].matrix;
  w = blocks[0].vector;
  for (std::size_t b = 1; b < blocks.size(); ++b) {
    sum += blocks[b].matrix;
    w += blocks[b].vector;
  }
  for (Index t = 0; t < sum.rows(); ++t) sum(t, t) += std::exp(parameters[layout.precisions() + static_cast<std::size_t>(t)]);
  if (!sum.diagonal().allFinite() || !w.allFinite()) return false;
  s.compute(sum);
  if (s.info() != Eigen::Success) return false;
  s.solveInPlace(w);
  return w.allFinite();
}

Posterior Evidence::posterior(std::span<const double> parameters) {
  Impl& p = *impl_;
  p.evaluate_basis(parameters);
  Eigen::LLT<MatrixXd> s;
  VectorXd w;
  if (!p.solve(parameters, s, w)) throw DataError("gpz: the training set does not determine the weights (do features vary?)");
  const RowMatrix root = MatrixXd(s.matrixL()).triangularView<Eigen::Lower>().solve(MatrixXd::Identity(w.size(), w.size()));
  return {{w.data(), w.data() + w.size()}, {root.data(), root.data() + root.size()}};
}

double Evidence::value(std::span<const double> parameters, std::span<double> gradient) {
  Impl& p = *impl_;
  const Layout& l = p.layout;
  p.evaluate_basis(parameters);
  Eigen::LLT<MatrixXd> s;
  VectorXd w;
  if (!p.solve(parameters, s, w)) return std::numeric_limits<double>::infinity();
  const MatrixXd inverse = s.solve(MatrixXd::Identity(w.size(), w.size()));
  const Index m = index(l.basis);
  const Eigen::Map<const VectorXd> u(&parameters[l.noise()], m), ln_alpha(&parameters[l.precisions()], w.size());
  const VectorXd alpha = ln_alpha.array().exp().matrix();
  p.for_blocks([&](Index first, Index n, Impl::Block& block) { p.add_block_gradient(first, n, block, inverse, w, u); });
  MatrixXd moments = p.blocks[0].moments;
  VectorXd noise = p.blocks[0].noise;
  double value = p.blocks[0].value;
  for (std::size_t b = 1; b < p.blocks.size(); ++b) {
    moments += p.blocks[b].moments;
    noise += p.blocks[b].noise;
    value += p.blocks[b].value;
  }
  value += -0.5 * w.dot(alpha.cwiseProduct(w)) + 0.5 * ln_alpha.sum() - MatrixXd(s.matrixL()).diagonal().array().log().sum();
  value -= 0.5 * noise_prior * u.squaredNorm();
  p.add_shapes(moments, parameters, gradient);
  for (Index t = 0; t < w.size(); ++t)
    gradient[l.precisions() + static_cast<std::size_t>(t)] = 0.5 - 0.5 * alpha[t] * (w[t] * w[t] + inverse(t, t));
  for (Index j = 0; j < m; ++j) gradient[l.noise() + static_cast<std::size_t>(j)] = noise[j] - noise_prior * u[j];
  gradient[l.noise_constant()] = noise[m];
  for (double& g : gradient) g = -g / p.weights;
  return -value / p.weights;
}

/// Derivatives by the basis functions: d lnE / d phi = o b ((y - phi w) w^T - phi S^-1) + (d lnE / d ln b) u^T.
void Evidence::Impl::add_block_gradient(Index first, Index n, Block& block, const MatrixXd& inverse, const VectorXd& w, const VectorXd& u) {
  const Index m = index(layout.basis);
  const auto its = phi.middleRows(first, n);
  const Eigen::ArrayXd o = weight.segment(first, n).array(), ln_b = log_precision.segment(first, n).array(), b = o * ln_b.exp();
  const VectorXd residual = y.segment(first, n) - its * w;
  const MatrixXd spread = its * inverse;
  const Eigen::ArrayXd square = residual.array().square();
  block.value = 0.5 * (o * ln_b - b * square).sum();
  VectorXd by_noise = (0.5 * (o - b * (square + spread.cwiseProduct(its).rowwise().sum().array()))).matrix();
  // At the limits the precision does not follow the parameters.
  by_noise = (ln_b.abs() < largest_log_precision).select(by_noise.array(), 0.0).matrix();
  block.noise.resize(m + 1);
  block.noise.head(m) = its.leftCols(m).transpose() * by_noise;
  block.noise[m] = by_noise.sum();
  MatrixXd by_phi = (b * residual.array()).matrix() * w.head(m).transpose() - b.matrix().asDiagonal() * spread.leftCols(m);
  by_phi += by_noise * u.transpose();
  // phi = exp(-q / 2): what is left are sums of d lnE / d phi * phi times the monomials of the features.
  block.moments = by_phi.cwiseProduct(its.leftCols(m)).transpose() * monomial.middleRows(first, n);
}

/// Derivatives by centres and factors from the moments of g = d lnE / d phi * phi: with D = x - p these are A sum(g D) and -G sum(g D D^T).
void Evidence::Impl::add_shapes(const MatrixXd& moments, std::span<const double> parameters, std::span<double> gradient) const {
  const Index d = index(layout.features);
  for (std::size_t j = 0; j < layout.basis; ++j) {
    const MatrixXd g = factor_of(layout, parameters, j);
    const Eigen::Map<const VectorXd> p(&parameters[layout.centres() + j * layout.features], d);
    const double sum = moments(index(j), 0);
    const VectorXd by_x = moments.row(index(j)).segment(1, d).transpose();
    MatrixXd by_xx(d, d);
    Index at = 1 + d;
    for (Index k = 0; k < d; ++k)
      for (Index c = k; c < d; ++c) by_xx(k, c) = by_xx(c, k) = moments(index(j), at++);
    const VectorXd first = by_x - sum * p;
    const MatrixXd second = by_xx - p * by_x.transpose() - by_x * p.transpose() + sum * p * p.transpose();
    const VectorXd by_centre = g.transpose() * (g * first);
    const MatrixXd by_factor = -(g * second);
    std::copy(by_centre.data(), by_centre.data() + d,
              gradient.begin() + static_cast<std::ptrdiff_t>(layout.centres() + j * layout.features));
    std::size_t to = layout.factors() + j * layout.factor();
    for (Index r = 0; r < d; ++r)
      for (Index c = r; c < d; ++c) gradient[to++] = by_factor(r, c);
  }
}

}  // namespace skyfold::gpz
