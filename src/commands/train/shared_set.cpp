// The training set on every rank, from rank 0: one reader, so that all ranks train on the same bytes whatever happens to the files.
#include "shared_set.hpp"

#include <cstring>

#include "skyfold/core/text.hpp"
#include "skyfold/farm/ranks.hpp"

namespace skyfold {
namespace {

/// Each array on its own: together they might be more than one message can hold.
template <class Values>
void share(const Ranks& ranks, Values& values) {
  using T = typename Values::value_type;
  const std::string bytes =
      ranks.broadcast(ranks.is_first() ? std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)) : "");
  if (ranks.is_first()) return;
  values.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

}  // namespace

void share_training(const Ranks& ranks, TrainOptions& o, TrainingSet& set, std::uint64_t& key) {
  const std::string bands = ranks.broadcast(join(o.bands.bands, "\n"));
  o.bands.bands = split(bands, '\n');
  o.redshift = ranks.broadcast(o.redshift);
  std::vector<std::uint64_t> numbers = {key, set.seed, set.photometry.n_bands, set.has_flux_errors ? 1U : 0U};
  share(ranks, numbers);
  key = numbers.at(0);
  set.seed = numbers.at(1);
  share(ranks, o.bands.limits);
  share(ranks, set.id);
  share(ranks, set.z);
  share(ranks, set.weight);
  share(ranks, set.photometry.mag);
  share(ranks, set.photometry.mag_err);
  share(ranks, set.photometry.observed);
  set.photometry.n_bands = numbers.at(2);
  set.has_flux_errors = numbers.at(3) != 0;
  set.photometry.n_objects = set.z.size();
}

void share_texts(const Ranks& ranks, std::map<std::string, std::string>& texts) {
  std::vector<std::string> names;
  for (const auto& [name, text] : texts) names.push_back(name);
  // One name a line; then each text by itself, since one message may not hold all.
  for (const std::string& name : split(ranks.broadcast(join(names, "\n")), '\n')) texts[name] = ranks.broadcast(texts[name]);
}

}  // namespace skyfold
