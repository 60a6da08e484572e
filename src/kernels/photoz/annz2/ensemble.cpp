// The models of annz2 as tables of a model file, and back.
#include "ensemble.hpp"

#include <algorithm>
#include <cmath>

#include "../common/model.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::annz2 {
namespace {

[[noreturn]] void refuse() { throw DataError("the model's table 'models' does not tell what its models are (damaged)"); }

/// A column of a number for each model.
template <class Value>
void add_column(Table& table, const ColumnInfo& info, std::size_t models, const Value& value) {
  const auto fill = [&](auto values) {
    for (std::size_t m = 0; m < models; ++m) values.push_back(static_cast<typename decltype(values)::value_type>(value(m)));
    add_values(table, info, values);
  };
  if (info.type == Type::i4)
    fill(std::vector<std::int32_t>());
  else
    fill(std::vector<double>());
}

void add_recipes(Table& table, std::span<const Member> all) {
  const auto add = [&](const char* name, Type type, const char* text, const auto& of) {
    add_column(table, {name, type, 1, "", "", text, ""}, all.size(), [&](std::size_t m) { return of(all[m].recipe); });
  };
  const auto hidden = [](const Recipe& r, std::size_t layer) {
    return r.kind == Kind::network && layer + 2 < r.shape.units.size() ? r.shape.units[layer + 1] : 0;
  };
  add("kind", Type::i4, "0: a network, 1: boosted trees", [](const Recipe& r) { return static_cast<int>(r.kind); });
  add("transform", Type::i4, "of the inputs; 0: none, 1: to the range [-1, 1], 2: principal components",
      [](const Recipe& r) { return static_cast<int>(r.transform); });
  add("hidden_1", Type::i4, "units of a network's first hidden layer", [&](const Recipe& r) { return hidden(r, 0); });
  add("hidden_2", Type::i4, "and of its second one; 0: none", [&](const Recipe& r) { return hidden(r, 1); });
  add("activation", Type::i4, "of its hidden layers; 0: tanh, 1: logistic",
      [](const Recipe& r) { return static_cast<int>(r.shape.hidden); });
  add("trees", Type::i4, "boosted trees", [](const Recipe& r) { return r.kind == Kind::trees ? r.trees.trees : 0; });
  add("depth", Type::i4, "their depth", [](const Recipe& r) { return r.kind == Kind::trees ? r.trees.depth : 0; });
  add("shrinkage", Type::f8, "part of its answer that each of them adds",
      [](const Recipe& r) { return r.kind == Kind::trees ? r.trees.shrinkage : 0.0; });
  add("least", Type::f8, "fewest objects of their leaves", [](const Recipe& r) { return r.kind == Kind::trees ? r.trees.least : 0.0; });
  add("correct", Type::i4, "trees of the second stage", [](const Recipe& r) { return r.correct; });
}

Recipe recipe_of(const Table& table, std::size_t row, std::size_t inputs) {
  const auto whole = [&](const char* name, std::size_t most) {
    const std::int64_t value = table.at(name).integer(row);
    if (value < 0 || static_cast<std::size_t>(value) > most) refuse();
    return static_cast<std::size_t>(value);
  };
  Recipe r{.kind = static_cast<Kind>(whole("kind", 1)), .transform = static_cast<Transform>(whole("transform", transform_kinds - 1))};
  r.correct = whole("correct", 100'000);
  if (r.kind == Kind::trees) {
    r.trees = {.trees = whole("trees", 100'000),
               .depth = whole("depth", forest::RegressionTrees::most_depth),
               .shrinkage = table.at("shrinkage").number(row),
               .least = table.at("least").number(row)};
    if (r.trees.depth == 0) refuse();
    return r;
  }
  r.shape = {{inputs}, static_cast<network::Activation>(whole("activation", 1))};
  for (const char* layer : {"hidden_1", "hidden_2"})
    if (const std::size_t units = whole(layer, 100'000); units > 0) r.shape.units.push_back(units);
  r.shape.units.push_back(1);
  return r;
}

}  // namespace

std::size_t Ensemble::in_pdf() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(weight, [](double w) { return w > 0.0; }));
}

void put_tables(PhotozModel& model, std::span<const Member> all, const Ranking& ranking) {
  std::vector<double> numbers;
  std::vector<std::size_t> count(all.size(), 0);
  for (std::size_t m = 0; m < all.size(); ++m) {
    if (!ranking.answers(m)) continue;
    const std::vector<double> mine = numbers_of(all[m]);
    count[m] = mine.size();
    numbers.insert(numbers.end(), mine.begin(), mine.end());
  }
  Table& table = model.tables["models"];
  add_recipes(table, all);
  const auto add = [&](const char* name, Type type, const char* ucd, const char* text, const auto& of) {
    add_column(table, {name, type, 1, "", ucd, text, ""}, all.size(), of);
  };
  const std::vector<Merit>& merits = ranking.merits;
  add("bias", Type::f8, "stat.mean", "mean over bins of redshift of |mean dz| of held-out objects",
      [&](std::size_t m) { return merits[m].bias; });
  add("sigma68", Type::f8, "stat.stdev", "likewise of half the 68 % width of dz", [&](std::size_t m) { return merits[m].sigma68; });
  add("outliers", Type::f8, "stat.fit.param", "likewise of the share with |dz| > 0.15", [&](std::size_t m) { return merits[m].outliers; });
  add("place", Type::f8, "meta.number", "mean number of models that are better", [&](std::size_t m) { return merits[m].place; });
  add("usual", Type::f8, "stat.error", "half the 68 % width of the residuals", [&](std::size_t m) { return ranking.usual[m]; });
  add("weight", Type::f8, "stat.weight", "in the PDF; 0: not in it", [&](std::size_t m) { return ranking.weight[m]; });
  add("is_best", Type::i4, "meta.code", "1: it gives z_best", [&](std::size_t m) { return m == ranking.best ? 1 : 0; });
  add("numbers", Type::i4, "meta.number", "of the table members; 0: the model does not answer", [&](std::size_t m) { return count[m]; });
  add_values(model.tables["members"],
             {"number", Type::f8, 1, "", "",
              "of each model that answers: a network's layers (matrix, biases), or of trees the start, thresholds, attributes and leaves; "
              "then those of the second stage",
              ""},
             numbers);
}

Ensemble ensemble_of(const PhotozModel& model, std::size_t inputs) {
  const Table& table = model.tables.at("models");
  const std::vector<double> numbers = values_of<double>(model.tables.at("members"), "number");
  Ensemble ensemble;
  std::span<const double> left = numbers;
  bool has_best = false;
  for (std::size_t m = 0; m < table.rows(); ++m) {
    const std::int64_t count = table.at("numbers").integer(m);
    if (count == 0) continue;
    if (count < 0 || static_cast<std::size_t>(count) > left.size()) refuse();
    if (table.at("is_best").integer(m) == 1) ensemble.best = ensemble.members.size(), has_best = true;
    ensemble.members.push_back(member_of(recipe_of(table, m, inputs), inputs, left.first(static_cast<std::size_t>(count))));
    ensemble.weight.push_back(table.at("weight").number(m));
    ensemble.usual.push_back(table.at("usual").number(m));
    left = left.subspan(static_cast<std::size_t>(count));
  }
  if (!left.empty() || !has_best || ensemble.in_pdf() == 0) refuse();
  return ensemble;
}

}  // namespace skyfold::annz2
