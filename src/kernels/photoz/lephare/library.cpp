// The library of models: templates behind dust, with emission lines, and their fluxes.
#include "library.hpp"

#include <algorithm>

#include "../common/model.hpp"
#include "skyfold/kernels/templates/emission_lines.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"

namespace skyfold::lephare {
namespace {

constexpr std::size_t numbers_per_model = 8;  // besides fluxes

/// But for its fluxes.
Model model_of(const Curve& sed, std::span<const Curve> filters) {
  Model model;
  const RestMagnitudes magnitudes = rest_magnitudes(sed);
  model.nuv = magnitudes.nuv;
  model.r = magnitudes.r;
  model.k = magnitudes.k;
  for (const Curve& filter : filters) model.rest.push_back(band_flux(sed, filter, 0.0));
  return model;
}

}  // namespace

std::vector<Model> models_of(const Options& o, std::size_t seed, const Curve& sed, std::span<const DustRange> dust,
                             std::span<const Curve> filters, const std::vector<double>& z, int threads) {
  const RestMagnitudes bare = rest_magnitudes(sed);
  std::vector<double> strengths = {0.0};
  if (o.lines == "empirical" && has_lines(bare)) strengths = o.line_factors;
  std::vector<Model> models;
  std::vector<Curve> curves;
  const auto add = [&](int law, double ebv) {
    for (const double strength : strengths) {
      Curve curve = with_lines(sed, strength);
      if (law >= 0) curve = reddened(std::move(curve), dust[static_cast<std::size_t>(law)].law, ebv);
      Model model = model_of(curve, filters);
      model.seed = seed;
      model.law = law;
      model.ebv = ebv;
      model.lines = strength;
      model.nuv_k = bare.nuv - bare.k;
      models.push_back(std::move(model));
      curves.push_back(std::move(curve));
    }
  };
  add(-1, 0.0);
  for (std::size_t law = 0; law < dust.size(); ++law)
    for (const double ebv : o.ebv)
      if (ebv > 0.0 && seed >= dust[law].first && seed <= dust[law].last) add(static_cast<int>(law), ebv);
  // All at once: they share the clouds before them.
  const ModelFluxes all = model_fluxes(curves, filters, z, o.igm == "madau" ? Igm::madau1995 : Igm::none, threads);
  const std::size_t each = filters.size() * z.size();
  for (std::size_t i = 0; i < models.size(); ++i)
    models[i].flux.assign(all.flux.begin() + static_cast<std::ptrdiff_t>(i * each),
                          all.flux.begin() + static_cast<std::ptrdiff_t>((i + 1) * each));
  return models;
}

std::vector<double> numbers_of_models(const std::vector<Model>& models) {
  std::vector<double> numbers;
  for (const Model& m : models) {
    for (const double value : {static_cast<double>(m.seed), static_cast<double>(m.law), m.ebv, m.lines, m.nuv, m.r, m.k, m.nuv_k})
      numbers.push_back(value);
    numbers.insert(numbers.end(), m.rest.begin(), m.rest.end());
    numbers.insert(numbers.end(), m.flux.begin(), m.flux.end());
  }
  return numbers;
}

void add_models(const std::vector<double>& numbers, std::size_t bands, std::size_t redshifts, std::vector<Model>& models) {
  const std::size_t per_model = numbers_per_model + bands * (1 + redshifts);
  for (std::size_t at = 0; at + per_model <= numbers.size(); at += per_model) {
    const double* n = &numbers[at];
    const double* rest = n + numbers_per_model;
    models.push_back({static_cast<std::size_t>(n[0]),
                      static_cast<int>(n[1]),
                      n[2],
                      n[3],
                      n[4],
                      n[5],
                      n[6],
                      n[7],
                      {rest, rest + bands},
                      {rest + bands, rest + bands * (1 + redshifts)}});
  }
}

Table table_of(const std::vector<Model>& models, std::size_t bands) {
  Table table;
  const auto add = [&](const char* name, const char* unit, const char* text, auto value) {
    std::vector<double> values;
    for (const Model& m : models) values.push_back(static_cast<double>(value(m)));
    add_values(table, {name, Type::f8, 1, unit, "", text, ""}, values);
  };
  add("template", "", "template, from 1", [](const Model& m) { return m.seed + 1; });
  add("law", "", "law of dust among those of the options, from 1; 0: none", [](const Model& m) { return m.law + 1; });
  add("ebv", "mag", "E(B-V)", [](const Model& m) { return m.ebv; });
  add("lines", "", "factor to the emission lines", [](const Model& m) { return m.lines; });
  add("nuv", "mag", "NUV at rest, on the scale of the fluxes", [](const Model& m) { return m.nuv; });
  add("r", "mag", "r at rest", [](const Model& m) { return m.r; });
  add("k", "mag", "K at rest", [](const Model& m) { return m.k; });
  add("nuv_k", "mag", "NUV - K of the template without dust", [](const Model& m) { return m.nuv_k; });
  std::vector<double> rest, flux;
  for (const Model& m : models) {
    rest.insert(rest.end(), m.rest.begin(), m.rest.end());
    flux.insert(flux.end(), m.flux.begin(), m.flux.end());
  }
  add_values(table, {"rest", Type::f8, bands, "", "phot.flux", "fluxes at rest in the bands", ""}, rest);
  add_values(table,
             {"flux", Type::f8, flux.size() / std::max<std::size_t>(models.size(), 1), "", "phot.flux",
              "redshifted, of each band at each redshift", ""},
             flux);
  return table;
}

std::vector<Model> models_from(const Table& table) {
  std::vector<Model> models(table.rows());
  const auto rest = table.at("rest").values<double>(), flux = table.at("flux").values<double>();
  const std::size_t bands = rest.size() / std::max<std::size_t>(models.size(), 1),
                    cells = flux.size() / std::max<std::size_t>(models.size(), 1);
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto number = [&](const char* name) { return table.at(name).number(i); };
    const double* of_rest = &rest[i * bands];
    const double* of_flux = &flux[i * cells];
    models[i] = {static_cast<std::size_t>(number("template")) - 1,
                 static_cast<int>(number("law")) - 1,
                 number("ebv"),
                 number("lines"),
                 number("nuv"),
                 number("r"),
                 number("k"),
                 number("nuv_k"),
                 {of_rest, of_rest + bands},
                 {of_flux, of_flux + cells}};
  }
  return models;
}

}  // namespace skyfold::lephare
