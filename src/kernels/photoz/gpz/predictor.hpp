#pragma once

#include "../../network/products.hpp"
#include "evidence.hpp"

namespace skyfold::gpz {

/// Mean and variances of a trained process for objects in chunks, arrays with the objects fastest. Each object has its sums in an order of
/// its own: bits depend neither on the chunk nor on its neighbours in it.
class Predictor {
 public:
  Predictor(const Layout& layout, std::vector<double> parameters, Posterior posterior);

  struct Buffers {
    explicit Buffers(const Layout& l) : monomial(l.monomials() * network::chunk), phi(l.terms() * network::chunk), rest(phi.size()) {}
    std::vector<double> monomial, phi, rest;
  };
  /// @param feature  [features x chunk]
  /// @param mean, model, noise  [chunk]; the variances are of what is not known of the function, and of the noise about it
  void predict(std::span<const double> feature, Buffers& buffers, std::span<double> mean, std::span<double> model,
               std::span<double> noise) const;
  /// Derivatives of the mean by the features, of one object.
  void gradient(std::span<const double> feature, std::span<double> gradient) const;

 private:
  Layout layout_;
  std::vector<double> parameters_;
  Posterior posterior_;
  std::vector<double> forms_;  ///< [basis x monomials]
};

}  // namespace skyfold::gpz
