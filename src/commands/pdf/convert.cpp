// pdf convert: a file of PDFs in another form, row by row on all ranks, with all that is beside the PDFs.
#include <fmt/core.h>

#include "convert_work.hpp"
#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

struct PdfConvertOptions {
  std::string input, output;
  PdfOptions pdf = pdf_by_model();
};

/// One run of pdf convert.
class PdfConvertRun {
 public:
  PdfConvertRun(const PdfConvertOptions& o, const CommandContext& context) : o_(o), context_(context), ranks_(*context.ranks) {}

  ExitCode run() {
    ranks_.on_first_only([&] { check_outputs({o_.output}, {o_.input}); });
    run_.emplace(ranks_, context_.options, context_.run,
                 RunSetup{"pdf convert", program_version, o_.output, {o_.output}, {o_.input}, &context_.process});
    if (run_->is_complete()) return ExitCode::done;
    try {
      prepare();
      convert();
      return publish();
    } catch (const Error& error) {
      if (error.code() == ExitCode::data || error.code() == ExitCode::usage) run_->discard();  // nothing can go on from it
      throw;
    }
  }

 private:
  void prepare() {
    ranks_.together([&] {
      pdfs_.emplace(o_.input);
      if (pdfs_->rows() == 0) throw DataError(o_.input + ": no PDFs (0 rows)");
      pdf_ = resolved_pdf(o_.pdf, pdfs_->columns(), pdfs_->meta());
      conversion_.emplace(pdfs_->columns(), pdfs_->meta(), pdf_);
    });
    const bool has_ancil = has_columns(o_.input, pdf_ancil_group);
    if (!has_ancil) log_info(o_.input + ": no group ancil, so that there are no ids and point estimates to be kept");
    run_->lay_out([&] {
      std::vector<ColumnGroup> groups = {{pdf_data_group, pdf_datasets(conversion_->gives()), pdfs_->rows()}};
      if (has_ancil) {
        const ColumnGroup ancil = open_columns(o_.input, pdf_ancil_group).group;
        if (ancil.rows != pdfs_->rows())
          throw DataError(fmt::format("{}: {} rows in ancil for {} PDFs", o_.input, ancil.rows, pdfs_->rows()));
        groups.push_back({pdf_ancil_group, ancil.schema, ancil.rows});
      }
      const Attributes given = read_attributes(o_.input);
      const auto estimator = given.find("estimator");
      create_columns(run_->partial(o_.output), groups,
                     {{"estimator", estimator == given.end() ? "" : estimator->second},
                      {"product_class", product_class::photoz_pdf},
                      {"creator", creator_of("pdf convert")},
                      {"provenance", provenance_json("pdf convert", context_.options, {{o_.input, file_identity(o_.input)}})}});
      add_columns(run_->partial(o_.output), {{pdf_meta_group, pdf_meta(pdf_)}});
    });
  }

  void convert() {
    const PartsOf<PdfCountsCodec> parts(run_->parts("counts"));
    TaskInfo task{"pdf convert", "PDFs"};
    task.whole_jobs = true;
    task.must_succeed = true;
    std::shared_ptr<PdfConvertWork> work;
    ranks_.together(
        [&] { work = std::make_shared<PdfConvertWork>(*pdfs_, *conversion_, run_->partial(o_.output), parts, context_.threads); });
    run_->farm(task, pdf_units(pdfs_->rows(), bytes_per_row(pdfs_->columns())), work);
    ranks_.on_first_only([&] {
      parts.merge({0, pdfs_->rows()}, [&](RowRange, const PdfConversionCounts& block) {
        counts_.objects += block.objects, counts_.without_pdf += block.without_pdf, counts_.off_grid += block.off_grid;
      });
      const std::int64_t with_pdf = counts_.objects - counts_.without_pdf;
      if (counts_.off_grid > 0)
        log_warning(
            fmt::format("{} of {} PDFs have less than half of their probability between {} and {} (the rest is lost: --pdf.zmin, "
                        "--pdf.zmax)",
                        grouped(counts_.off_grid), grouped(with_pdf), shortest(pdf_.zmin), shortest(pdf_.zmax)));
    });
  }

  ExitCode publish() {
    add_zone_hashes(ranks_, run_->partial(o_.output), pdf_data_group, true);
    if (has_columns(run_->partial(o_.output), pdf_ancil_group)) add_zone_hashes(ranks_, run_->partial(o_.output), pdf_ancil_group, false);
    run_->publish({o_.output});
    std::string lines;
    if (ranks_.is_first()) {
      context_.process.product(o_.output, product_class::photoz_pdf, pdfs_->rows());
      const std::size_t bytes = bytes_per_row(pdf_datasets(conversion_->gives()));
      lines = fmt::format("{} PDFs as {}, {} bytes each (from {}); {} objects without a PDF\n", grouped(counts_.objects), pdf_.kind, bytes,
                          bytes_per_row(pdfs_->columns()), grouped(counts_.without_pdf));
    }
    return run_->finish(context_.threads, lines);
  }

  const PdfConvertOptions& o_;
  const CommandContext& context_;
  Ranks& ranks_;
  std::optional<Run> run_;
  std::optional<StoredPdfs> pdfs_;
  PdfOptions pdf_;
  std::optional<PdfConversion> conversion_;
  PdfConversionCounts counts_;
};

class PdfConvertCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("input", o_.input, "PDFs in a file of photoz or of the qp library, HDF5").required().positional().layout();
    option("output", o_.output, "the same objects' PDFs in the other form, HDF5").required().layout().writes(FileKind::hdf5);
    option("representation", o_.pdf.kind, "form to be written: interp, hist, quant, mixmod, norm, packed or sparse (see docs/pdf.md)")
        .required()
        .one_of({"interp", "hist", "quant", "mixmod", "norm", "packed", "sparse"});
    option("pdf.zmin", o_.pdf.zmin, "first redshift of the grid; -1: as the PDFs have it, else 0").range(-1.0, 100.0);
    option("pdf.zmax", o_.pdf.zmax, "last redshift of the grid; 0: as the PDFs have it").range(0.0, 100.0);
    option("pdf.bins", o_.pdf.bins, "grid points, both ends included; of hist: bins; 0: as the PDFs have it, else 301; of sparse: 1001")
        .range(0, 100000);
    describe_pdf_sizes(option, o_.pdf);
  }
  ExitCode run(const CommandContext& context) override { return PdfConvertRun(o_, context).run(); }

 private:
  PdfConvertOptions o_ = {"", "", [] {
                            PdfOptions pdf = pdf_by_model();
                            pdf.kind.clear();
                            return pdf;
                          }()};
};

}  // namespace

std::unique_ptr<Command> make_pdf_convert_command() { return std::make_unique<PdfConvertCommand>(); }

}  // namespace skyfold
