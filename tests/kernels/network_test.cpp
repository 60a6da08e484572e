// Networks against the definition, gradients against differences, and minimisers against known answers.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "network/functions.hpp"
#include "network/network.hpp"
#include "network/training.hpp"
#include "photoz/mdn/mixture_net.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::network {
namespace {

/// Squared errors of a net against a smooth function of its inputs.
class Squares final : public Examples {
 public:
  Squares(std::size_t n, std::size_t inputs, std::size_t outputs) : inputs_(inputs), outputs_(outputs), x_(n * inputs), y_(n * outputs) {
    ObjectRandom random(3, n);
    for (double& x : x_) x = random.normal();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < outputs; ++k)
        y_[i * outputs + k] = std::sin(x_[i * inputs] + static_cast<double>(k)) * x_[i * inputs + 1];
  }
  void inputs(std::span<const std::uint32_t> rows, std::size_t, std::span<double> input) override {
    for (std::size_t o = 0; o < rows.size(); ++o)
      for (std::size_t f = 0; f < inputs_; ++f) input[f * chunk + o] = x_[rows[o] * inputs_ + f];
  }
  double loss(std::span<const std::uint32_t> rows, std::span<const double> output, std::span<double> gradient) override {
    double sum = 0.0;
    for (std::size_t o = 0; o < rows.size(); ++o)
      for (std::size_t k = 0; k < outputs_; ++k) {
        const double off = output[k * chunk + o] - y_[rows[o] * outputs_ + k];
        gradient[k * chunk + o] = off;
        sum += 0.5 * off * off;
      }
    return sum;
  }

 private:
  std::size_t inputs_, outputs_;
  std::vector<double> x_, y_;
};

std::vector<std::uint32_t> rows_to(std::size_t n) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

const Shape shapes[] = {{{3, 5, 2}, Activation::tanh}, {{4, 9, 6, 3}, Activation::logistic}, {{7, 64, 64, 18}, Activation::tanh}};

TEST(Network, FunctionsEqualThoseOfTheLibrary) {
  for (double x = -40.0; x < 40.0; x += 0.0137) {
    ASSERT_NEAR(exp_of(Lanes{} + x)[0], std::exp(x), 4e-15 * std::exp(x));
    ASSERT_NEAR(tanh_of(Lanes{} + x)[1], std::tanh(x), 1e-15);
    ASSERT_NEAR(logistic_of(Lanes{} + x)[2], 1.0 / (1.0 + std::exp(-x)), 1e-15);
  }
  EXPECT_EQ(tanh_of(Lanes{} + 1e300)[0], 1.0);
  EXPECT_TRUE(std::isfinite(exp_of(Lanes{} + 1e300)[0]));
}

TEST(Network, GivesTheOutputsOfTheDefinition) {
  for (const Shape& shape : shapes) {
    std::vector<double> weights = normal_weights(shape, 1, 2);
    Pass pass(shape);
    ObjectRandom random(5, 6);
    for (double& x : pass.input()) x = random.normal();
    pass.forward(weights);
    for (std::size_t o = 0; o < chunk; ++o) {
      std::vector<double> value;
      for (std::size_t i = 0; i < shape.inputs(); ++i) value.push_back(pass.input()[i * chunk + o]);
      std::size_t at = 0;
      for (std::size_t l = 0; l < shape.layers(); ++l) {
        std::vector<double> next;
        const std::size_t n_in = shape.units[l], n_out = shape.units[l + 1];
        for (std::size_t j = 0; j < n_out; ++j) {
          double sum = weights[at + n_in * n_out + j];
          for (std::size_t i = 0; i < n_in; ++i) sum += weights[at + j * n_in + i] * value[i];
          if (l + 1 < shape.layers()) sum = shape.hidden == Activation::tanh ? std::tanh(sum) : 1.0 / (1.0 + std::exp(-sum));
          next.push_back(sum);
        }
        at += (n_in + 1) * n_out;
        value = next;
      }
      ASSERT_EQ(at, weights.size());
      for (std::size_t k = 0; k < value.size(); ++k) ASSERT_NEAR(pass.output()[k * chunk + o], value[k], 1e-13);
    }
  }
}

TEST(Network, AnObjectsOutputsDoNotDependOnThoseBesideIt) {
  const Shape& shape = shapes[2];
  const std::vector<double> weights = normal_weights(shape, 1, 2);
  Pass together(shape), alone(shape);
  ObjectRandom random(5, 6);
  for (double& x : together.input()) x = random.normal();
  together.forward(weights);
  for (const std::size_t o : {0u, 3u, 31u}) {
    std::ranges::fill(alone.input(), 0.0);
    for (std::size_t i = 0; i < shape.inputs(); ++i) alone.input()[i * chunk + 5] = together.input()[i * chunk + o];
    alone.forward(weights);
    for (std::size_t k = 0; k < shape.outputs(); ++k) ASSERT_EQ(alone.output()[k * chunk + 5], together.output()[k * chunk + o]);
  }
}

TEST(Network, GradientsEqualDifferences) {
  for (const Shape& shape : shapes) {
    Squares examples(77, shape.inputs(), shape.outputs());  // the last chunk is not full
    const auto rows = rows_to(77);
    std::vector<double> weights = normal_weights(shape, 1, 2), gradient(weights.size(), 0.0);
    Pass pass(shape);
    ASSERT_GT(add_gradient(pass, examples, rows, 0, weights, gradient), 0.0);
    for (std::size_t i = 0; i < weights.size(); i += 1 + weights.size() / 97) {
      const double kept = weights[i], h = 1e-5;
      weights[i] = kept + h;
      const double above = add_gradient(pass, examples, rows, 0, weights, {});
      weights[i] = kept - h;
      const double below = add_gradient(pass, examples, rows, 0, weights, {});
      weights[i] = kept;
      ASSERT_NEAR(gradient[i], (above - below) / (2.0 * h), 1e-6 * (1.0 + std::abs(gradient[i]))) << i;
    }
  }
}

TEST(Network, GradientsByInputsEqualDifferences) {
  for (const Shape& shape : shapes) {
    const std::vector<double> weights = normal_weights(shape, 4, 2);
    Pass pass(shape);
    ObjectRandom random(5, 7);
    for (double& x : pass.input()) x = random.normal();
    pass.forward(weights);
    std::ranges::fill(pass.output_gradient(), 0.0);
    for (std::size_t o = 0; o < chunk; ++o) pass.output_gradient()[o] = 1.0;  // of the first output
    const auto by_input = pass.input_gradient(weights);
    const std::vector<double> gradient(by_input.begin(), by_input.end());
    for (std::size_t f = 0; f < shape.inputs(); ++f)
      for (const std::size_t o : {0u, 17u}) {
        const double kept = pass.input()[f * chunk + o], h = 1e-5;
        pass.input()[f * chunk + o] = kept + h;
        pass.forward(weights);
        const double above = pass.output()[o];
        pass.input()[f * chunk + o] = kept - h;
        pass.forward(weights);
        const double below = pass.output()[o];
        pass.input()[f * chunk + o] = kept;
        ASSERT_NEAR(gradient[f * chunk + o], (above - below) / (2.0 * h), 1e-8);
      }
  }
}

TEST(Network, AdamMakesTheStepsOfItsPaper) {
  Adam adam({}, 2);
  std::vector<double> w = {1.0, -2.0};
  // By hand, algorithm 1 of Kingma & Ba: m = 0.1 g, v = 0.001 g^2; corrected g and g^2; the step is the rate, whatever the gradient.
  adam.step(std::vector{0.5, -4.0}, 0.01, w);
  EXPECT_NEAR(w[0], 1.0 - 0.01 * 0.5 / (0.5 + 1e-8), 1e-15);
  EXPECT_NEAR(w[1], -2.0 + 0.01 * 4.0 / (4.0 + 1e-8), 1e-15);
  // The second: m = 0.9 (0.05) + 0.1 (0.1) = 0.055, v = 0.999 (0.00025) + 0.001 (0.01) = 0.00025975; by 1 - 0.81 and 1 - 0.998001.
  const double before = w[0];
  adam.step(std::vector{0.1, 0.0}, 0.01, w);
  EXPECT_NEAR(before - w[0], 0.01 * (0.055 / 0.19) / (std::sqrt(0.00025975 / 0.001999) + 1e-8), 1e-14);
}

TEST(Network, AdamLearnsAFunctionAndTheSameOneAgain) {
  const Shape shape = {{2, 16, 1}, Activation::tanh};
  Squares examples(400, 2, 1);
  const auto rows = rows_to(400);
  const auto train = [&] {
    std::vector<double> weights = normal_weights(shape, 1, 1);
    train_adam(shape, examples, rows, {.batch = 50, .epochs = 150, .first_rate = 0.02}, 1, 1, weights);
    return weights;
  };
  const std::vector<double> weights = train(), first = normal_weights(shape, 1, 1);
  Pass pass(shape);
  EXPECT_LT(add_gradient(pass, examples, rows, 0, weights, {}), 0.05 * add_gradient(pass, examples, rows, 0, first, {}));
  EXPECT_EQ(train(), weights);
}

TEST(MixtureNet, LossAndGradientEqualTheDefinition) {
  constexpr std::size_t n = 5;
  const mdn::MixtureOutputs outputs(n, 0.01);
  ObjectRandom random(8, 8);
  std::vector<double> output(3 * n * chunk), z(chunk), loss(chunk), gradient(output.size()), other(output.size());
  for (double& x : output) x = random.normal();
  for (double& x : z) x = random.normal();
  for (std::size_t o = 0; o < chunk; ++o) output[(2 * n) * chunk + o] = o % 2 ? -6.0 : 1.5;  // both limits of the widths
  outputs.judge(output, z, loss, gradient);
  const auto definition = [&](std::size_t o) {
    double weights = 0.0, p = 0.0;
    for (std::size_t k = 0; k < n; ++k) weights += std::exp(output[k * chunk + o]);
    for (std::size_t k = 0; k < n; ++k) {
      const double s = std::exp(std::clamp(output[(2 * n + k) * chunk + o], std::log(0.01), 1.0)),
                   t = (z[o] - output[(n + k) * chunk + o]) / s;
      p += std::exp(output[k * chunk + o]) / weights * std::exp(-0.5 * t * t) / (s * std::sqrt(2.0 * std::numbers::pi));
    }
    return -std::log(p);
  };
  for (std::size_t o = 0; o < chunk; ++o) {
    ASSERT_NEAR(loss[o], definition(o), 1e-12 * (1.0 + std::abs(loss[o])));
    for (std::size_t k = 0; k < 3 * n; ++k) {
      double& x = output[k * chunk + o];
      const double kept = x, h = 1e-6;
      x = kept + h;
      const double above = definition(o);
      x = kept - h;
      const double below = definition(o);
      x = kept;
      ASSERT_NEAR(gradient[k * chunk + o], (above - below) / (2.0 * h), 1e-6 * (1.0 + std::abs(gradient[k * chunk + o]))) << k;
    }
  }
}

TEST(MixtureNet, StaysFiniteFarFromAllGaussians) {
  const mdn::MixtureOutputs outputs(2, 0.001);
  std::vector<double> output(6 * chunk, -50.0), z(chunk, 900.0), loss(chunk), gradient(output.size());
  outputs.judge(output, z, loss, gradient);
  for (const double x : loss) ASSERT_TRUE(std::isfinite(x));
  for (const double x : gradient) ASSERT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace skyfold::network
