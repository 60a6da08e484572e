// nz: redshift distributions of a sample in tomographic bins. PDFs and objects in one pass on all ranks, sums, numbers with errors,
// products.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "figure.hpp"
#include "product.hpp"
#include "result.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"
#include "training.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

/// One run of nz.
class NzRun {
 public:
  NzRun(NzOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    check(o_);
    ranks_.together([&] {
      layout_.bins = nz::parse_bins(o_.bins, "bins");
      if (!class_of(o_.pdf).empty()) require_class(o_.pdf, {product_class::photoz_pdf}, "pdf");
      if (!o_.plot.empty()) require_gnuplot();
    });
    run_.emplace(
        ranks_, context_.options, context_.run,
        RunSetup{"nz", program_version, o_.output, product_paths(), input_paths(), &context_.process, {o_.text, o_.fits, o_.plot}});
    if (run_->is_complete()) return ExitCode::done;
    try {
      prepare();
      add_up();
      return publish();
    } catch (const Error& error) {
      if (error.code() == ExitCode::data || error.code() == ExitCode::usage) run_->discard();  // nothing can go on from it
      throw;
    }
  }

 private:
  std::vector<std::string> product_paths() const {
    std::vector<std::string> paths = {o_.output};
    for (const std::string& path : {o_.text, o_.fits, o_.plot})
      if (!path.empty()) paths.push_back(path);
    return paths;
  }
  std::vector<std::string> input_paths() const {
    std::vector<std::string> paths = {o_.pdf};
    for (const std::string& path : NzObjects::paths(o_)) paths.push_back(path);
    if (!o_.training.empty()) paths.push_back(o_.training);
    if (has_reference_file()) paths.push_back(o_.reference);
    return paths;
  }
  bool has_reference_file() const {
    for (std::size_t k = 0; k < nz::n_estimators; ++k)
      if (o_.reference == nz::name_of(static_cast<nz::Estimator>(k))) return false;
    return !o_.reference.empty();
  }

  /// Opens everything, on every rank.
  void prepare() {
    ranks_.together([&] {
      pdfs_.emplace(o_.pdf);
      if (pdfs_->rows() == 0) throw DataError(o_.pdf + ": no PDFs (0 rows)");
      objects_.emplace(o_, layout_.bins, pdfs_->rows());
      std::vector<std::string> lines = objects_->lines();
      choose_cells(lines);
      layout_.estimators = {nz::Estimator::stack, nz::Estimator::point, nz::Estimator::draw};
      if (objects_->has_truth()) layout_.estimators.push_back(nz::Estimator::truth);
      if (!o_.training.empty()) {
        layout_.estimators.push_back(nz::Estimator::training);
        training_ = read_training(o_, layout_.bins, context_.threads, lines);
        is_training_binned_ = !training_.objects.bin.empty();
        if (training_.balls) find_seen();
      }
      layout_.realisations = static_cast<std::size_t>(o_.realisations);
      layout_.seed = static_cast<std::uint64_t>(o_.seed);
      for (const std::string& line : lines) log_info(line);
    });
  }

  /// Objects that are in the training sample are known by ids of both.
  void find_seen() {
    layout_.training = training_.objects.key.size();
    layout_.has_own = o_.training_seen == "own";
    const bool have_ids = training_.has_ids && objects_->has_ids();
    if (layout_.has_own && !have_ids)
      throw UsageError(fmt::format("--training.seen own: {} has no ids (by which training objects are found among the objects)",
                                   training_.has_ids ? o_.pdf : o_.training));
    if (!have_ids) return;
    auto& keys = training_.balls->keys;
    for (std::uint32_t row = 0; row < layout_.training; ++row) keys.emplace_back(training_.objects.key[row], row);
    std::ranges::sort(keys);
  }

  void choose_cells(std::vector<std::string>& lines) {
    const double of_pdfs = pdfs_->make_pdf()->range().second;
    const double end = o_.zmax > 0.0 ? o_.zmax : std::isfinite(of_pdfs) ? of_pdfs : 3.0;
    if (!(end > o_.zmin)) throw UsageError(fmt::format("z.min = {} (the PDFs end at {})", o_.zmin, shortest(end)));
    const double cells = std::ceil((end - o_.zmin) / o_.width - 1e-9);
    if (cells > 10'000.0) throw UsageError(fmt::format("z.width = {}: {:.0f} cells of redshift (at most 10,000)", o_.width, cells));
    layout_.cells = {o_.zmin, o_.width, static_cast<std::size_t>(cells)};
    lines.push_back(fmt::format("{:.0f} cells of redshift from {} to {}", cells, shortest(o_.zmin),
                                fmt::format("{:.6g}", layout_.cells.edge(layout_.cells.count))));
  }

  void add_up() {
    const PartsOf<SumsCodec> parts(run_->parts("sums"));
    const std::vector<Partition> units = nz_units(*pdfs_, layout_);
    TaskInfo task{"nz", "PDFs"};
    task.whole_jobs = true;
    task.must_succeed = true;
    run_->farm(
        task, units,
        std::make_shared<NzWork>(*pdfs_, *objects_, layout_, training_.balls ? &*training_.balls : nullptr, parts, context_.threads));
    // On the first rank, which alone writes products.
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::read);
      sums_ = nz::Sums(layout_);
      parts.merge({0, pdfs_->rows()}, [&](RowRange, const nz::Sums& block) { sums_.add(block, layout_); });
      if (!o_.training.empty()) add_training();
      if (objects_->has_patches() && sums_.patches.size() < 10)
        log_warning(fmt::format("{} patches of NSide {}: jackknife errors are rough, or none (--jackknife.nside: smaller patches)",
                                sums_.patches.size(), o_.nside));
    });
  }

  void add_training() {
    if (training_.balls) {
      if (sums_.seen[0] > 0 && !layout_.has_own)
        log_warning(fmt::format(
            "{} objects in the bins have ids of training objects: a model that was trained by them knows them better than others, "
            "which training does not heed (--training.seen own counts them at their own redshifts)",
            grouped(sums_.seen[0])));
      training_.objects = nz::weighted_by_balls(layout_, sums_, training_.objects);
      require_all_bins(o_, layout_.bins, training_.objects);
    }
    nz::add_training(layout_, training_.objects, sums_);
  }

  ExitCode publish() {
    std::string lines;
    std::optional<nz::Distributions> n;
    ranks_.on_first_only([&] {
      const PhaseScope scope(ranks_.clock(), Phase::consolidate);
      n.emplace(layout_, sums_);
      NzResult result{o_, sums_, *n, is_training_binned_};
      measure(result);
      write(result);
      report_nz(result, context_.process);
      lines = nz_summary(result);
    });
    run_->publish(product_paths());
    if (ranks_.is_first())
      for (const std::string& path : product_paths())
        context_.process.product(path, nz_product_class, static_cast<std::int64_t>(layout_.bins.size()));
    return run_->finish(context_.threads, lines);
  }

  /// Under their temporary names; publish() renames all products together.
  void write(const NzResult& result) {
    std::vector<std::pair<std::string, std::string>> inputs;
    for (const std::string& path : input_paths()) inputs.emplace_back(path, file_identity(path));
    write_nz(run_->partial(o_.output), result, provenance_json("nz", context_.options, inputs), context_.threads);
    if (!o_.text.empty()) write_durably(run_->partial(o_.text), nz_text(result));
    if (!o_.fits.empty()) write_nz_fits(run_->partial(o_.fits), result, creator_of("nz"));
    if (!o_.plot.empty()) draw_nz(result, run_->partial(o_.plot));
  }

  NzOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  nz::SumsLayout layout_;
  std::optional<StoredPdfs> pdfs_;
  std::optional<NzObjects> objects_;
  NzTraining training_;
  bool is_training_binned_ = false;
  nz::Sums sums_;
};

class NzCommand final : public Command {
 public:
  void describe(OptionSet& option) override { skyfold::describe(option, options_); }
  ExitCode run(const CommandContext& context) override { return NzRun(options_, context).run(); }

 private:
  NzOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_nz_command() { return std::make_unique<NzCommand>(); }

}  // namespace skyfold
