// The algorithm `combine`: a weighted sum of the PDFs of several algorithms, weighted by how good they are on objects that they did not
// see.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "../common/model.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/estimator.hpp"
#include "skyfold/kernels/photoz/held_out.hpp"
#include "weights.hpp"

namespace skyfold {
namespace {

constexpr double least_weight = 0.01;

struct Options {
  std::vector<std::string> members = {"mdn", "tpz", "skynet", "knn"};
  std::string point = "median";
};

void describe_options(OptionSet& option, Options& o) {
  option("combine.members", o.members, "algorithms that are combined; their options are their own");
  option("combine.point", o.point, "what z_phot is of the combined PDF").one_of({"median", "mode", "mean", "risk", "core"});
}

/// Steps of a member's training, under its name.
class TasksOfMember final : public TrainingTasks {
 public:
  TasksOfMember(TrainingTasks& tasks, std::string name) : tasks_(tasks), name_(std::move(name)) {}
  std::vector<std::string> run(const std::string& step, std::size_t n, const Compute& compute) override {
    return tasks_.run(name_ + " " + step, n, compute);
  }
  void tell(const std::string& step, std::size_t task, double done_fraction, double loss) override {
    tasks_.tell(name_ + " " + step, task, done_fraction, loss);
  }

 private:
  TrainingTasks& tasks_;
  std::string name_;
};

/// Magnitudes of the held-out objects, in their order.
std::vector<double> held_out_magnitudes(const TrainingSet& set, std::size_t band) {
  std::vector<std::size_t> fold;
  std::vector<double> magnitude;
  for (const auto& rows : calibration_folds(set, fold))
    for (const std::size_t i : rows) magnitude.push_back(set.photometry.mag[i * set.photometry.n_bands + band]);
  return magnitude;
}

/// Edges of bins that hold as many objects each.
std::vector<double> edges_of(std::vector<double> magnitude) {
  std::erase_if(magnitude, [](double m) { return !std::isfinite(m); });
  std::ranges::sort(magnitude);
  std::vector<double> edges;
  for (std::size_t k = 1; k < combine::finest_bins; ++k)
    edges.push_back(magnitude.empty() ? 0.0 : magnitude[k * magnitude.size() / combine::finest_bins]);
  return edges;
}

combine::BinnedProducts products_of(const std::vector<HeldOutEstimates>& held_out, const std::vector<double>& magnitude,
                                    std::span<const double> edges) {
  const std::size_t n = held_out.size();
  const HeldOutEstimates& first = held_out.front();
  combine::BinnedProducts products(n, first.parts);
  const auto bins = static_cast<std::size_t>(first.pdf.bins);
  const double step = (first.pdf.zmax - first.pdf.zmin) / static_cast<double>(first.pdf.bins - 1);
  std::vector<std::unique_ptr<RedshiftPdf>> pdfs;
  for (const HeldOutEstimates& member : held_out) pdfs.push_back(make_redshift_pdf(member.columns.schema(), first.pdf));
  for (std::size_t row = 0; row < first.z.size(); ++row) {
    bool have_all = true;
    for (std::size_t m = 0; m < n; ++m) have_all = pdfs[m]->set(held_out[m].columns, row) && have_all;
    const double weight = first.weight.empty() ? 1.0 : first.weight[row];
    if (!have_all || !(weight > 0.0)) continue;
    const auto bin = std::isfinite(magnitude[row])
                         ? static_cast<std::size_t>(std::ranges::lower_bound(edges, magnitude[row]) - edges.begin())
                         : combine::finest_bins;
    combine::Products& cell = products.at(first.part[row], bin);
    cell.weight += weight;
    for (std::size_t a = 0; a < n; ++a) {
      const auto of_a = held_out[a].columns.at(pdf_column).values<float>().subspan(row * bins, bins);
      cell.b[a] += weight * pdfs[a]->density(first.z[row]);
      for (std::size_t c = a; c < n; ++c) {
        const auto of_c = held_out[c].columns.at(pdf_column).values<float>().subspan(row * bins, bins);
        double sum = 0.0;
        for (std::size_t j = 0; j < bins; ++j) sum += static_cast<double>(of_a[j]) * static_cast<double>(of_c[j]);
        cell.q[a * n + c] += weight * sum * step;
        if (c > a) cell.q[c * n + a] = cell.q[a * n + c];
      }
    }
  }
  return products;
}

class Combine final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "combine"; }
  std::string summary() const override { return "a weighted sum of the PDFs of several algorithms, by their held-out quality"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<std::string> members() const override { return options_.members; }
  void take_members(const std::vector<std::unique_ptr<PhotozAlgorithm>>& all) override {
    for (const auto& algorithm : all) known_.push_back(algorithm.get());
  }
  void read_files(const std::vector<std::string>& bands, const ReadText& read) override {
    for (PhotozAlgorithm* member : chosen()) member->read_files(bands, read);
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    const std::vector<PhotozAlgorithm*> members = chosen();
    if (set.z.size() < least_calibrated)
      throw DataError(fmt::format("{} training objects (combine needs at least {})", set.z.size(), least_calibrated));
    const PhotozModel described = model;
    const PdfOptions pdf = native_pdf(described, false);
    std::vector<HeldOutEstimates> held_out;
    for (const PhotozAlgorithm* member : members) {
      TasksOfMember its(tasks, member->name());
      held_out.push_back(held_out_pdfs(*member, set, described, its, pdf));
    }
    const std::size_t band = combine::binned_band(model.bands.bands);
    const std::vector<double> magnitude = held_out_magnitudes(set, band), edges = edges_of(magnitude);
    const combine::BinnedProducts products = products_of(held_out, magnitude, edges);
    const combine::BinnedWeights weights = combine::binned_weights(products, edges, least_weight);
    tell(members, weights, products, held_out.front().z.size(), model.bands.bands[band], model);
    model.algorithm = name();
    model.held_out = combined(std::move(held_out), weights, magnitude, set.threads);
    std::vector<combine::Member> trained;
    std::vector<std::size_t> kept;
    for (std::size_t m = 0; m < members.size(); ++m) {
      bool is_used = weights.all[m] > 0.0;
      for (const std::vector<double>& bin : weights.bins) is_used = is_used || bin[m] > 0.0;
      if (!is_used) continue;
      kept.push_back(m);
      trained.push_back({weights.all[m], described});
      TasksOfMember its(tasks, members[m]->name());
      members[m]->train(set, its, trained.back().model);
    }
    combine::put_weights(weights, kept, model);
    model.parameters = parameters_of(options_, describe_options);
    combine::put_members(trained, model);
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    PhotozModel own = model;
    std::erase_if(own.parameters, [](const auto& p) { return !p.first.starts_with("combine."); });
    return combine::make_kernel(model, options_of<Options>(own, describe_options).point, columns, pdf);
  }

 private:
  /// The members: those of the command, with their options, or else new ones.
  std::vector<PhotozAlgorithm*> chosen() const {
    if (options_.members.empty()) throw UsageError("combine.members names none");
    std::vector<PhotozAlgorithm*> members;
    for (const std::string& member : options_.members) {
      if (member == name()) throw UsageError("combine.members names combine itself");
      if (std::ranges::count(options_.members, member) > 1) throw UsageError("combine.members names " + member + " twice");
      auto found = std::ranges::find_if(known_, [&](const PhotozAlgorithm* a) { return a->name() == member; });
      if (found == known_.end()) {
        own_.push_back(make_photoz_algorithm(member));
        known_.push_back(own_.back().get());
        found = known_.end() - 1;
      }
      members.push_back(*found);
    }
    return members;
  }

  void tell(const std::vector<PhotozAlgorithm*>& members, const combine::BinnedWeights& weights, const combine::BinnedProducts& products,
            std::size_t objects, const std::string& band, PhotozModel& model) const {
    const combine::Products whole = products.sum(0, combine::finest_bins + 1).mean();
    std::vector<std::string> texts;
    for (std::size_t m = 0; m < members.size(); ++m) {
      std::vector<double> alone(members.size(), 0.0);
      alone[m] = 1.0;
      texts.push_back(
          fmt::format("{} {:.3f} (alone CDE loss {:.3f})", members[m]->name(), weights.all[m], combine::loss_of(alone, whole.q, whole.b)));
    }
    std::string text = fmt::format("{}; together CDE loss {:.3f} on {} held-out objects", join(texts, ", "),
                                   combine::loss_of(weights.all, whole.q, whole.b), objects);
    if (!weights.bins.empty())
      text += fmt::format("; with weights in {} bins of magnitude {} less by {:.3f}", weights.bins.size(), band, weights.gain);
    model.record["members"] = text;
    log_info("combine: " + text);
  }

  std::shared_ptr<const HeldOutEstimates> combined(std::vector<HeldOutEstimates> members, const combine::BinnedWeights& weights,
                                                   const std::vector<double>& magnitude, int threads) const {
    auto all = std::make_shared<HeldOutEstimates>();
    HeldOutEstimates& first = members.front();
    all->z = first.z, all->weight = first.weight, all->part = first.part, all->parts = first.parts, all->pdf = first.pdf;
    std::vector<Table> estimates;
    for (HeldOutEstimates& member : members) estimates.push_back(std::move(member.columns));
    Schema schema = combine::columns();
    Table sum({{pdf_column, Type::f4, static_cast<std::size_t>(all->pdf.bins)}}, all->z.size());
    combine::sum_pdfs(estimates, weights, magnitude, all->pdf, threads, sum);
    schema.push_back(sum[0].info());
    all->columns = Table(schema, all->z.size());
    combine::take_points(sum, all->pdf, estimates, options_.point, threads, all->columns);
    std::ranges::copy(sum[0].bytes(), all->columns.at(pdf_column).bytes().begin());
    return all;
  }

  Options options_;
  mutable std::vector<std::unique_ptr<PhotozAlgorithm>> own_;
  mutable std::vector<PhotozAlgorithm*> known_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_combine() { return std::make_unique<Combine>(); }

}  // namespace skyfold
