// The commands templates list, templates check and templates plot: spectra and filters described, looked over for mistakes, and drawn.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "library.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/text_table.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

using templates::Item;
using templates::Library;
using templates::LibraryOptions;
using templates::Points;

/// @param used  is given the paths of what was read
Library read_for(LibraryOptions& o, Process& process, std::vector<std::string>& used) {
  Library library = read_library(o, used);
  for (const std::string& path : used) process.input(path);
  if (!library.unread.empty())
    log_info(fmt::format("{} files with other endings left out, such as {}", library.unread.size(), library.unread.front()));
  return library;
}

Library read_for(LibraryOptions& o, Process& process) {
  std::vector<std::string> used;
  return read_for(o, process, used);
}

class TemplatesListCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    templates::describe(option, o_);
    option("json", json_, "print JSON").layout();
  }

  ExitCode run(const CommandContext& context) override {
    const Library library = read_for(o_, context.process);
    require_curves(library);
    if (json_)
      print_json(library);
    else
      print(library);
    return ExitCode::done;
  }

 private:
  static void print_json(const Library& library) {
    nlohmann::ordered_json json = {{"templates", nlohmann::ordered_json::array()}, {"filters", nlohmann::ordered_json::array()}};
    for (const Item& item : library.spectra)
      json["templates"].push_back({{"name", item.name()},
                                   {"points", item.curve->wavelength.size()},
                                   {"from", item.curve->wavelength.front()},
                                   {"to", item.curve->wavelength.back()},
                                   {"peak", templates::peak_of(*item.curve)},
                                   {"source", item.source}});
    for (const Item& item : library.filters) {
      const Curve filter = templates::used_filter(item);
      const auto [pivot, effective, width] = templates::wavelengths_of(filter);
      json["filters"].push_back({{"band", item.band},
                                 {"name", item.name()},
                                 {"points", item.curve->wavelength.size()},
                                 {"from", filter.wavelength.front()},
                                 {"to", filter.wavelength.back()},
                                 {"pivot", pivot},
                                 {"effective", effective},
                                 {"width", width},
                                 {"peak", templates::peak_of(filter)},
                                 {"source", item.source}});
    }
    fmt::print("{}\n", json.dump(2));
  }

  static void print(const Library& library) {
    LogTable spectra{"templates", {"template", "points", "from [A]", "to [A]", "peak [A]", "source"}, {}, ""};
    for (const Item& item : library.spectra)
      spectra.rows.push_back({item.name(), fmt::format("{}", item.curve->wavelength.size()),
                              fmt::format("{:.1f}", item.curve->wavelength.front()), fmt::format("{:.1f}", item.curve->wavelength.back()),
                              fmt::format("{:.1f}", templates::peak_of(*item.curve)), one_line(item.source)});
    fmt::print("{}", as_text(spectra));
    if (library.filters.empty()) return;
    LogTable filters{
        "filters", {"band", "points", "from [A]", "to [A]", "pivot [A]", "effective [A]", "width [A]", "peak [A]", "source"}, {}, ""};
    for (const Item& item : library.filters) {
      const Curve filter = templates::used_filter(item);
      const auto [pivot, effective, width] = templates::wavelengths_of(filter);
      filters.rows.push_back({item.band, fmt::format("{}", item.curve->wavelength.size()), fmt::format("{:.1f}", filter.wavelength.front()),
                              fmt::format("{:.1f}", filter.wavelength.back()), fmt::format("{:.1f}", pivot),
                              fmt::format("{:.1f}", effective), fmt::format("{:.1f}", width),
                              fmt::format("{:.1f}", templates::peak_of(filter)), one_line(item.source)});
    }
    fmt::print("\n{}", as_text(filters));
  }

  LibraryOptions o_;
  bool json_ = false;
};

class TemplatesCheckCommand final : public Command {
 public:
  void describe(OptionSet& option) override { templates::describe(option, o_); }

  ExitCode run(const CommandContext& context) override {
    const Library library = read_for(o_, context.process);
    const auto findings = templates::check(library, o_);
    const auto wrong = std::ranges::count_if(findings, [](const auto& finding) { return finding.is_wrong; });
    for (const auto& [is_wrong, text] : findings) fmt::print("{}: {}\n", is_wrong ? "wrong" : "warning", one_line(text));
    fmt::print("{} templates, {} filters: {} wrong, {} warnings\n", library.spectra.size(), library.filters.size(), wrong,
               std::ssize(findings) - wrong);
    return wrong > 0 ? ExitCode::data : ExitCode::done;
  }

 private:
  LibraryOptions o_;
};

class TemplatesPlotCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    templates::describe(option, o_);
    option("output", output_, "pictures to write: OUTPUT with .seds, .filters and .colours before the ending .svg").required().layout();
    option("sample", sample_, "objects with known redshift, whose colours are drawn: any table that import reads; empty: none").layout();
    option("redshift", redshift_, "column of spectroscopic redshifts; empty: guessed");
  }

  ExitCode run(const CommandContext& context) override {
    require_gnuplot();
    const std::string base = output_.ends_with(".svg") ? output_.substr(0, output_.size() - 4) : output_;
    const std::string seds = base + ".seds.svg", filters = base + ".filters.svg", colours = base + ".colours.svg";
    std::vector<std::string> inputs;
    Library library = read_for(o_, context.process, inputs);
    require_curves(library);
    if (!sample_.empty() && library.filters.size() < 2)
      throw UsageError("--sample needs --filters of two bands or more (colours are compared)");
    if (!sample_.empty()) inputs.push_back(sample_);
    // All of them before the first is drawn: only now it is known how many bands a folder of filters has.
    std::vector<std::string> paths = {seds};
    if (!library.filters.empty()) paths.push_back(filters);
    if (library.filters.size() > 1) paths.push_back(colours);
    check_outputs(paths, inputs);
    check_replaceable(paths);
    const Points points = sample_.empty() ? Points{} : read_points(context.process);
    draw_spectra(library, seds);
    log_info("wrote " + seds);
    if (library.filters.empty()) return ExitCode::done;
    draw_filters(library, filters);
    log_info("wrote " + filters);
    if (library.filters.size() < 2) return ExitCode::done;
    draw_colours(library, models_of(library, context.threads), o_.bands.bands, points, colours);
    log_info("wrote " + colours);
    return ExitCode::done;
  }

 private:
  ModelFluxes models_of(const Library& library, int threads) const {
    std::vector<Curve> seds, filters;
    for (const Item& item : library.spectra) seds.push_back(*item.curve);
    for (const Item& item : library.filters) filters.push_back(templates::used_filter(item));
    std::vector<double> z;
    for (long i = 0; i <= static_cast<long>((o_.z_max - o_.z_min) / o_.z_step + 1e-6); ++i)
      z.push_back(o_.z_min + static_cast<double>(i) * o_.z_step);
    if (z.size() < 2)
      throw UsageError(fmt::format("--zmin {} --zmax {} --dz {}: a line needs two redshifts", o_.z_min, o_.z_max, o_.z_step));
    return interpolated(model_fluxes(seds, filters, std::move(z), o_.igm == "madau" ? Igm::madau1995 : Igm::none, threads),
                        static_cast<std::size_t>(o_.interpolate));
  }

  Points read_points(Process& process) {
    process.input(sample_);
    const Dataset dataset(sample_);
    RolesAsked asked;
    asked.path = sample_;
    asked.redshift = RoleAsked{"redshift", redshift_, true};
    const std::string z_name = find_roles(dataset.schema(), asked).redshift;
    const BandColumns columns = resolve_bands(o_.bands, dataset.schema(), sample_);
    Schema wanted = {dataset.number_column(z_name, "--redshift")};
    for (const std::string& name : columns.magnitude) wanted.push_back(dataset.number_column(name, "--bands.magnitude"));
    Points points;
    points.colour.resize(columns.magnitude.size() - 1);
    dataset.each_block(wanted, 1 << 16, [&](const Table& rows, std::int64_t) { append(rows, wanted, points); });
    log_info(fmt::format("{}: {} objects, redshifts {}", sample_, grouped(std::ssize(points.z)), z_name));
    return points;
  }

  void append(const Table& rows, const Schema& wanted, Points& points) const {
    const auto z = rows.at(wanted[0].name).values<double>();
    points.z.insert(points.z.end(), z.begin(), z.end());
    for (std::size_t band = 0; band + 1 < wanted.size() - 1; ++band) {
      const auto blue = rows.at(wanted[band + 1].name).values<double>(), red = rows.at(wanted[band + 2].name).values<double>();
      for (std::size_t i = 0; i < z.size(); ++i) {
        const bool is_observed =
            band_state(blue[i], o_.bands) == BandState::observed && band_state(red[i], o_.bands) == BandState::observed;
        points.colour[band].push_back(is_observed ? blue[i] - red[i] : std::numeric_limits<double>::quiet_NaN());
      }
    }
  }

  LibraryOptions o_;
  std::string output_, sample_, redshift_;
};

}  // namespace

std::unique_ptr<Command> make_templates_list_command() { return std::make_unique<TemplatesListCommand>(); }
std::unique_ptr<Command> make_templates_check_command() { return std::make_unique<TemplatesCheckCommand>(); }
std::unique_ptr<Command> make_templates_plot_command() { return std::make_unique<TemplatesPlotCommand>(); }

}  // namespace skyfold
