// The models of annz2: recipes that are drawn, their training, their answers. See docs/annz2.md.
#include "member.hpp"

#include <algorithm>
#include <cmath>

#include "../common/sample.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold::annz2 {
namespace {

using forest::RegressionTrees;
using network::chunk;

constexpr std::uint32_t recipe_stream = 0x616e3201, rows_stream = 0x616e3300;
constexpr double stopping_share = 0.15;  // of a model's objects, by which its training ends
constexpr std::size_t correction_depth = 3;
constexpr double correction_shrinkage = 0.1, correction_least = 10.0;

std::size_t whole_between(ObjectRandom& random, std::size_t low, std::size_t high) {
  return low + static_cast<std::size_t>(random.uniform() * static_cast<double>(high - low + 1));
}
double between(ObjectRandom& random, double low, double high) { return low * std::pow(high / low, random.uniform()); }

/// Transforms a sheet in place.
void transform(const Transforms& transforms, Transform kind, TrainingSheet& sheet) {
  const std::size_t size = transforms.inputs() * chunk;
  AlignedVector<double> out(size);
  for (std::size_t c = 0; c < sheet.chunks && kind != Transform::none; ++c) {
    transforms.apply(kind, std::span<const double>(sheet.input).subspan(c * size, size), out);
    std::ranges::copy(out, sheet.input.begin() + static_cast<std::ptrdiff_t>(c * size));
  }
}

/// What trees learn from: the objects of a sheet that are there, with `more` as one more attribute unless it is empty.
struct Rows {
  std::vector<float> value;
  std::vector<double> y, weight;
};
Rows rows_of(const TrainingSheet& sheet, std::size_t inputs, std::span<const double> y, std::span<const double> more) {
  Rows rows;
  for (std::size_t i = 0; i < sheet.weight.size(); ++i) {
    if (!(sheet.weight[i] > 0.0)) continue;
    for (std::size_t k = 0; k < inputs; ++k)
      rows.value.push_back(static_cast<float>(sheet.input[(i / chunk * inputs + k) * chunk + i % chunk]));
    if (!more.empty()) rows.value.push_back(static_cast<float>(more[i]));
    rows.y.push_back(y[i]);
    rows.weight.push_back(sheet.weight[i]);
  }
  return rows;
}

RegressionTrees boosted(const Rows& rows, const forest::RegressionOptions& o) {
  return forest::boost_regression(forest::bin_attributes(rows.value, rows.value.size() / rows.y.size()), rows.y, rows.weight, o);
}

/// The second stage: trees that learn from objects that the model was not fitted to by how much it is off.
RegressionTrees correction_of(const Member& member, const Transforms& transforms, const TrainingSheet& sheet) {
  MemberPass pass(transforms, std::span(&member, 1));
  const std::size_t size = pass.input().size();
  std::vector<double> z(sheet.z.size()), off(sheet.z.size());
  for (std::size_t c = 0; c < sheet.chunks; ++c) {
    std::copy_n(&sheet.input[c * size], size, pass.input().begin());
    pass.run();
    for (std::size_t o = 0; o < chunk; ++o) {
      z[c * chunk + o] = pass.z(0, o);
      off[c * chunk + o] = z[c * chunk + o] - sheet.z[c * chunk + o];
    }
  }
  return boosted(rows_of(sheet, transforms.inputs(), off, z),
                 {.trees = member.recipe.correct, .depth = correction_depth, .shrinkage = correction_shrinkage, .least = correction_least});
}

void append(std::vector<double>& numbers, const RegressionTrees& trees) {
  numbers.push_back(static_cast<double>(trees.start));
  numbers.insert(numbers.end(), trees.threshold.begin(), trees.threshold.end());
  numbers.insert(numbers.end(), trees.attribute.begin(), trees.attribute.end());
  numbers.insert(numbers.end(), trees.value.begin(), trees.value.end());
}

/// Reads numbers one after the other, of a file that may be damaged.
class NumberReader {
 public:
  explicit NumberReader(std::span<const double> numbers) : numbers_(numbers) {}
  std::span<const double> take(std::size_t n) {
    if (n > numbers_.size()) refuse();
    const auto part = numbers_.first(n);
    numbers_ = numbers_.subspan(n);
    return part;
  }
  RegressionTrees trees(std::size_t count, std::size_t depth, std::size_t attributes) {
    RegressionTrees trees{.depth = depth, .start = static_cast<float>(take(1)[0])};
    for (const double v : take(count * trees.nodes())) trees.threshold.push_back(static_cast<float>(v));
    for (const double v : take(count * trees.nodes())) {
      if (!(v >= 0.0 && v < static_cast<double>(attributes))) refuse();
      trees.attribute.push_back(static_cast<std::uint16_t>(v));
    }
    for (const double v : take(count * trees.leaves())) trees.value.push_back(static_cast<float>(v));
    return trees;
  }
  void end() const {
    if (!numbers_.empty()) refuse();
  }

 private:
  [[noreturn]] static void refuse() { throw DataError("the model's members are not of the size that its recipes tell (damaged)"); }
  std::span<const double> numbers_;
};

}  // namespace

Recipe draw_recipe(const Options& o, std::size_t inputs, std::uint64_t seed, std::uint64_t number) {
  ObjectRandom random(seed, number, recipe_stream);
  Recipe recipe;
  recipe.kind = o.kinds[whole_between(random, 0, o.kinds.size() - 1)] == "trees" ? Kind::trees : Kind::network;
  recipe.correct = static_cast<std::size_t>(o.correct);
  if (recipe.kind == Kind::trees) {
    // A threshold is as good on any scale.
    recipe.transform = random.uniform() < 0.5 ? Transform::none : Transform::pca;
    recipe.trees = {.trees = static_cast<std::size_t>(between(random, 100.0, 400.0)),
                    .depth = whole_between(random, 3, 5),
                    .shrinkage = between(random, 0.05, 0.2),
                    .least = std::floor(between(random, 3.0, 30.0))};
    return recipe;
  }
  recipe.transform = static_cast<Transform>(whole_between(random, 0, transform_kinds - 1));
  recipe.shape.hidden = random.uniform() < 0.5 ? network::Activation::tanh : network::Activation::logistic;
  recipe.shape.units = {inputs};
  const std::size_t layers = random.uniform() < 0.3 ? 1 : 2;
  for (std::size_t k = 0; k < layers; ++k) recipe.shape.units.push_back(whole_between(random, 8, 24));
  recipe.shape.units.push_back(1);
  return recipe;
}

std::vector<double> numbers_of(const Member& member) {
  std::vector<double> numbers = member.weights;
  if (member.recipe.kind == Kind::trees) append(numbers, member.trees);
  if (member.correction) append(numbers, *member.correction);
  return numbers;
}

Member member_of(const Recipe& recipe, std::size_t inputs, std::span<const double> numbers) {
  NumberReader reader(numbers);
  Member member{.recipe = recipe};
  if (recipe.kind == Kind::trees) {
    member.trees = reader.trees(recipe.trees.trees, recipe.trees.depth, inputs);
  } else {
    const auto weights = reader.take(recipe.shape.weights());
    member.weights.assign(weights.begin(), weights.end());
  }
  if (recipe.correct > 0) member.correction = reader.trees(recipe.correct, correction_depth, inputs + 1);
  reader.end();
  return member;
}

std::size_t Trainer::iterations(std::size_t objects) const {
  if (options.iterations > 0) return static_cast<std::size_t>(options.iterations);
  return static_cast<std::size_t>(std::clamp(400.0 * std::pow(10'000.0 / static_cast<double>(objects), 0.4), 100.0, 400.0));
}

Member Trainer::train(const Recipe& recipe, std::uint64_t number, int threads, const AfterStep& told) const {
  const auto [fit_rows, stop_rows] =
      hold_out(set, rows, stopping_share, static_cast<std::size_t>(options.rows), rows_stream + static_cast<std::uint32_t>(number));
  TrainingSheet fit = sheet_of(inputs, set, weight, fit_rows, options.hide);
  const TrainingSheet stop_plain = sheet_of(inputs, set, weight, stop_rows, 0.0);
  transform(transforms, recipe.transform, fit);
  Member member{.recipe = recipe};
  if (recipe.kind == Kind::trees) {
    member.trees = boosted(rows_of(fit, inputs.size(), fit.z, {}), recipe.trees);
  } else {
    TrainingSheet stop = stop_plain;
    transform(transforms, recipe.transform, stop);
    member.weights =
        train_net(recipe.shape, fit, stop, {.iterations = iterations(fit_rows.size()), .patience = 100}, set.seed, number, threads, told);
  }
  if (recipe.correct > 0) member.correction = correction_of(member, transforms, stop_plain);
  return member;
}

MemberPass::MemberPass(const Transforms& transforms, std::span<const Member> members)
    : transforms_(transforms), members_(members), passes_(members.size()), input_(transforms.inputs() * chunk), z_(members.size() * chunk) {
  is_used_[0] = true;
  for (std::size_t m = 0; m < members.size(); ++m) {
    is_used_[static_cast<std::size_t>(members[m].recipe.transform)] = true;
    if (members[m].recipe.kind == Kind::network) passes_[m].emplace(members[m].recipe.shape);
  }
  for (std::size_t t = 0; t < transform_kinds; ++t) {
    seen_[t].resize(input_.size());
    single_[t].resize(input_.size() + chunk);
  }
}

void MemberPass::run() {
  for (std::size_t t = 0; t < transform_kinds; ++t) {
    if (!is_used_[t]) continue;
    transforms_.apply(static_cast<Transform>(t), input_, seen_[t]);
    std::ranges::transform(seen_[t], single_[t].begin(), [](double x) { return static_cast<float>(x); });
  }
  for (std::size_t m = 0; m < members_.size(); ++m) answer(members_[m], m, std::span(z_).subspan(m * chunk, chunk));
}

void MemberPass::answer(const Member& member, std::size_t number, std::span<double> z) {
  const auto t = static_cast<std::size_t>(member.recipe.transform);
  float sum[chunk];
  if (member.recipe.kind == Kind::network) {
    network::Pass& pass = *passes_[number];
    std::ranges::copy(seen_[t], pass.input().begin());
    pass.forward(member.weights);
    std::ranges::copy(pass.output(), z.begin());
  } else {
    forest::boosted_sums(member.trees, single_[t].data(), chunk, sum);
    std::copy_n(sum, chunk, z.begin());
  }
  if (!member.correction) return;
  std::ranges::transform(z, single_[0].end() - static_cast<std::ptrdiff_t>(chunk), [](double x) { return static_cast<float>(x); });
  forest::boosted_sums(*member.correction, single_[0].data(), chunk, sum);
  for (std::size_t o = 0; o < chunk; ++o) z[o] -= static_cast<double>(sum[o]);
}

}  // namespace skyfold::annz2
