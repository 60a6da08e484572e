#pragma once

#include <span>
#include <vector>

#include "options.hpp"
#include "skyfold/kernels/templates/curve.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::lephare {

/// A model of a galaxy: a template behind dust, with lines.
struct Model {
  std::size_t seed = 0;                ///< its template, from 0
  int law = -1;                        ///< number among the laws of the options; -1: no dust
  double ebv = 0.0, lines = 0.0;       ///< mag; factor to the lines
  double nuv = 0.0, r = 0.0, k = 0.0;  ///< magnitudes at rest, dust and lines among them, on the scale of the fluxes
  double nuv_k = 0.0;                  ///< colour at rest of the template itself, by which the prior tells types
  std::vector<double> rest, flux;      ///< at rest, [bands]; redshifted, [bands][z]
};

/// All models of one template: without dust, then by each law and amount, each with all strengths of lines.
[[nodiscard]] std::vector<Model> models_of(const Options& o, std::size_t seed, const Curve& sed, std::span<const DustRange> dust,
                                           std::span<const Curve> filters, const std::vector<double>& z, int threads);

/// Models as the bytes of a task, and back.
[[nodiscard]] std::vector<double> numbers_of_models(const std::vector<Model>& models);
void add_models(const std::vector<double>& numbers, std::size_t bands, std::size_t redshifts, std::vector<Model>& models);

/// As a table of a model file, and back.
[[nodiscard]] Table table_of(const std::vector<Model>& models, std::size_t bands);
[[nodiscard]] std::vector<Model> models_from(const Table& table);

}  // namespace skyfold::lephare
