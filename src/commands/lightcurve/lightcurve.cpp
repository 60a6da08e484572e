// The command lightcurve: measurements of some objects as rows and pictures, or statistics and periods of all of them.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "curves.hpp"
#include "figure.hpp"
#include "objects.hpp"
#include "skyfold/commands/object_statistics.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/row_sink.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

constexpr std::size_t rows_at_once = 65'536;

struct LightCurveOptions {
  bool all = false;
  lightcurves::ObjectsAsked objects;
  std::string fold, plot;
  double epoch = 0.0;
  std::vector<std::string> columns;
  RowOutputOptions output;
  ObjectStatisticsRun every;  ///< has what both need: catalogue, measurements, periods
};

/// "": as it is; "auto": by its own period; else days.
std::optional<double> period_of(const std::string& text) {
  if (text.empty() || text == "auto") return std::nullopt;
  double days = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
  if (error != std::errc() || end != text.data() + text.size() || !(days > 0.0) || days > 1e9)
    throw UsageError(fmt::format("--fold {} (must be a period in days, or auto)", text));
  return days;
}

/// Curves of some objects to the screen or a file.
class SomeCurves {
 public:
  SomeCurves(const LightCurveOptions& o, const CommandContext& context)
      : o_(o), context_(context), catalogue_(o.every.catalogue), measurements_(o.every.catalogue) {}

  ExitCode run() {
    const std::optional<double> period = period_of(o_.fold);
    const lightcurves::Folding folding{!o_.fold.empty(), period, o_.epoch, period_options(o_.every.statistics)};
    if (!o_.plot.empty()) require_gnuplot();
    prepare_outputs();
    const CurveSetup setup = curve_setup(measurements_, o_.every.curves);
    for (const std::string& line : setup.guesses) log_info(line);
    const std::vector<std::int64_t> objects = lightcurves::rows_asked(catalogue_, o_.objects, context_.threads);
    if (!o_.plot.empty() && objects.size() != 1)
      throw UsageError(fmt::format("--plot draws one object ({} are chosen)", grouped(std::ssize(objects))));
    lightcurves::CurveRows rows(catalogue_, measurements_, setup, folding, o_.columns);
    CatalogueLayout layout;
    layout.schema = rows.schema();
    layout.creator = creator_of("lightcurve");
    layout.product_class = "light_curve_rows";
    layout.provenance = provenance_json("lightcurve", context_.options, {{o_.every.catalogue, catalogue_.fingerprint()}});
    RowSink sink({o_.output, layout, {}, -1});
    Table block(layout.schema);
    for (const std::int64_t object : objects) {
      rows.append(object, block);
      if (block.rows() >= rows_at_once || !o_.plot.empty()) {
        if (!o_.plot.empty()) draw(setup, rows, block);
        sink.add(block);
        block.resize(0);
      }
    }
    if (block.rows() > 0) sink.add(block);
    report(sink.finish(), objects.size());
    return ExitCode::done;
  }

 private:
  void prepare_outputs() const {
    std::vector<std::string> outputs;
    for (const std::string& path : {o_.output.output, o_.plot})
      if (!path.empty()) outputs.push_back(path);
    if (outputs.empty()) return;
    std::vector<std::string> inputs = {o_.every.catalogue};
    if (!o_.objects.ids.empty()) inputs.push_back(o_.objects.ids);
    check_outputs(outputs, inputs);
    for (const std::string& path : inputs) context_.process.input(path);
  }

  void draw(const CurveSetup& setup, const lightcurves::CurveRows& rows, const Table& block) const {
    const std::string name = fmt::format("object {}", rows.name_of_last());
    lightcurves::draw_curves(lightcurves::figure_of(setup, rows, block, name), o_.plot);
    context_.process.product(o_.plot, "", 0);
  }

  void report(std::int64_t count, std::size_t objects) const {
    if (o_.output.output.empty()) return;
    context_.process.product(o_.output.output, "", count);
    log_info(
        fmt::format("{} measurements of {} objects; wrote {}", grouped(count), grouped(static_cast<long long>(objects)), o_.output.output));
  }

  const LightCurveOptions& o_;
  const CommandContext& context_;
  Catalogue catalogue_;
  Measurements measurements_;
};

class LightCurveCommand final : public Command {
 public:
  LightCurveCommand() {
    o_.every.command = "lightcurve";
    o_.every.statistics.period = "shared";
  }
  void describe(OptionSet& option) override {
    option("catalogue", o_.every.catalogue, "catalogue with measurements (import --measurements)").required().layout().positional();
    describe(option, o_.objects);
    option("all", o_.all, "statistics and periods of all objects, a row each, on ranks, as aggregate makes them; needs --output");
    skyfold::describe(option, o_.output);
    option("columns", o_.columns, "more columns of the measurements; *: all");
    option("fold", o_.fold, "adds phases: a period in days, or auto: by the best period of each object, which is added, too");
    option("fold.epoch", o_.epoch, "time of phase 0, MJD").range(-1e7, 1e7);
    option("plot", o_.plot, "draws the curve of one object, and the folded one, as SVG; needs gnuplot").layout();
    skyfold::describe(option, o_.every.statistics);
    skyfold::describe(option, o_.every.curves);
    option("partitions-per-job", o_.every.partitions_per_job, "partitions that a rank takes at a time (--all): auto or a count").layout();
    skyfold::describe(option, o_.every.partition);
  }
  [[nodiscard]] bool is_small() const override { return !o_.all; }
  ExitCode run(const CommandContext& context) override {
    if (!o_.all) {
      const bool is_asked = lightcurves::is_given(o_.objects);
      if (!is_asked) throw UsageError("which objects? (--id, --ids, --cone or another region, --where, or --all)");
      refuse_options_of_all(context.options);
      return SomeCurves(o_, context).run();
    }
    refuse(context.options, {"fold", "fold.epoch", "plot", "columns"}, "some objects (not --all)");
    if (lightcurves::is_given(o_.objects)) throw UsageError("--all is about all objects (leave out --id, --ids, regions and --where)");
    if (o_.output.output.empty()) throw UsageError("--output is missing (--all writes a product)");
    if (format_of(o_.output) != RowFormat::hdf5)
      throw UsageError(fmt::format("--output {}{} (--all writes HDF5 alone; aggregate --fits writes FITS beside it)", o_.output.output,
                                   o_.output.format == "auto" ? "" : " --format " + o_.output.format));
    o_.every.output = o_.output.output;
    return make_object_statistics(o_.every, context);
  }

 private:
  /// Refuses options that have another value than by default, by name or, with a point at the end, by section: they would do nothing.
  static void refuse(const OptionSet& options, const std::vector<std::string>& idle, const char* needs) {
    for (const std::string& name : options.names()) {
      const bool is_idle = std::ranges::any_of(
          idle, [&](const std::string& part) { return name == part || (part.ends_with('.') && name.starts_with(part)); });
      if (is_idle) refuse_idle_options(needs, {{name.c_str(), options.changed(name)}});
    }
  }
  void refuse_options_of_all(const OptionSet& options) const {
    refuse(options,
           {"statistics", "pairs.", "motion", "motion.", "meas.ra", "meas.dec", "meas.position-error", "partitions-per-job", "partition."},
           "--all");
    if (o_.fold.empty()) refuse(options, {"fold.epoch"}, "--fold");
    if (o_.fold != "auto") refuse(options, {"period", "period."}, "--fold auto or --all");
    if (o_.fold == "auto" && o_.every.statistics.period == "none") throw UsageError("--period none finds no period for --fold auto");
  }

  static void describe(OptionSet& option, lightcurves::ObjectsAsked& o) { lightcurves::describe(option, o); }
  LightCurveOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_lightcurve_command() { return std::make_unique<LightCurveCommand>(); }

}  // namespace skyfold
