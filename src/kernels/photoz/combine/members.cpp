// Models inside a model: the tables of a member have its name before theirs, its parameters have it already.
#include <algorithm>

#include "kernel.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold::combine {
namespace {

constexpr const char* member_table = "members";
constexpr const char* bin_table = "member_bins";

}  // namespace

void put_members(const std::vector<Member>& members, PhotozModel& model) {
  std::size_t width = 1;
  for (const Member& member : members) width = std::max(width, member.model.algorithm.size());
  Table list({{"algorithm", Type::text, width, "", "", "name of the member"}, {"weight", Type::f8, 1, "", "", "of its PDFs, sum 1"}},
             members.size());
  std::ranges::fill(list[0].values<char>(), '\0');  // names are not all as long as the longest
  for (std::size_t k = 0; k < members.size(); ++k) {
    const PhotozModel& own = members[k].model;
    std::ranges::copy(own.algorithm, list[0].values<char>().begin() + static_cast<std::ptrdiff_t>(k * width));
    list[1].values<double>()[k] = members[k].weight;
    for (const auto& [name, table] : own.tables) model.tables[own.algorithm + "." + name] = table;
    for (const auto& [name, value] : own.parameters) model.parameters[name] = value;
  }
  model.tables[member_table] = std::move(list);
}

std::vector<Member> members_of(const PhotozModel& model) {
  const auto found = model.tables.find(member_table);
  if (found == model.tables.end()) throw DataError("the model has no members (damaged)");
  std::vector<Member> members;
  for (std::size_t k = 0; k < found->second.rows(); ++k) {
    Member member{found->second.at("weight").number(k), {}};
    PhotozModel& own = member.model;
    own.algorithm = std::string(found->second.at("algorithm").text(k));
    own.bands = model.bands;
    own.redshift = model.redshift;
    own.z_min = model.z_min;
    own.z_max = model.z_max;
    const std::string prefix = own.algorithm + ".";
    for (const auto& [name, table] : model.tables)
      if (name.starts_with(prefix)) own.tables[name.substr(prefix.size())] = table;
    for (const auto& [name, value] : model.parameters)
      if (name.starts_with(prefix)) own.parameters[name] = value;
    members.push_back(std::move(member));
  }
  return members;
}

void put_weights(const BinnedWeights& weights, const std::vector<std::size_t>& kept, PhotozModel& model) {
  if (weights.bins.empty()) return;
  Table table({{"up_to", Type::f8, 1, "mag", "phot.mag", "greatest magnitude of the bin", ""},
               {"weight", Type::f8, kept.size(), "", "", "of the members' PDFs, sum 1", ""}},
              weights.bins.size());
  for (std::size_t k = 0; k < weights.bins.size(); ++k) {
    table[0].values<double>()[k] = weights.up_to[k];
    for (std::size_t m = 0; m < kept.size(); ++m) table[1].values<double>()[k * kept.size() + m] = weights.bins[k][kept[m]];
  }
  model.tables[bin_table] = std::move(table);
}

BinnedWeights weights_of(const PhotozModel& model, const std::vector<Member>& members) {
  BinnedWeights weights;
  for (const Member& member : members) weights.all.push_back(member.weight);
  const auto found = model.tables.find(bin_table);
  if (found == model.tables.end()) return weights;
  const std::size_t n = weights.all.size();
  if (!found->second.find("up_to") || !found->second.find("weight") || found->second.at("weight").info().width != n)
    throw DataError("the model's weights in bins are not those of its members (damaged)");
  for (std::size_t k = 0; k < found->second.rows(); ++k) {
    weights.up_to.push_back(found->second.at("up_to").number(k));
    const auto values = found->second.at("weight").values<double>().subspan(k * n, n);
    weights.bins.emplace_back(values.begin(), values.end());
  }
  return weights;
}

}  // namespace skyfold::combine
