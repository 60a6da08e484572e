// pdf report: what PDFs keep, and what they cost, in every form.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "convert_work.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/text_table.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "skyfold/registry/gnuplot.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

constexpr const char* truth_name = "redshift";

struct PdfReportOptions {
  std::string input, truth = truth_name, output, plot;
  long objects = 20'000;
  PdfOptions pdf = pdf_by_model();
};

/// All objects in one form.
struct FormReport {
  std::string form;
  std::size_t bytes = 0;
  std::vector<double> cdf = {};  ///< of each object with a PDF
  std::int64_t known = 0;        ///< with a known redshift, too
  double cde = 0.0, seconds = 0.0;
  double mean_before = 0.0, mean = 0.0, square_before = 0.0, square = 0.0;  ///< sums over objects

  void add(const PdfDifferences& d) {
    for (std::size_t i = 0; i < d.cdf.size(); ++i) {
      if (std::isnan(d.cdf[i])) continue;
      cdf.push_back(d.cdf[i]);
      mean_before += d.mean_before[i], mean += d.mean[i];
      square_before += d.square_before[i], square += d.square[i];
      if (!std::isnan(d.cde[i])) cde += d.cde[i], ++known;
    }
  }
  [[nodiscard]] double count() const { return static_cast<double>(cdf.size()); }
  [[nodiscard]] double cdf_mean() const {
    double sum = 0.0;
    for (const double error : cdf) sum += error;
    return sum / count();
  }
  /// @param p  0..1, with `cdf` in order
  [[nodiscard]] double cdf_quantile(double p) const { return cdf[static_cast<std::size_t>(p * (count() - 1.0))]; }
  [[nodiscard]] double cde_change() const { return known > 0 ? cde / static_cast<double>(known) : std::nan(""); }
  [[nodiscard]] double mean_change() const { return (mean - mean_before) / count(); }
  [[nodiscard]] double width_change() const { return width(mean, square) - width(mean_before, square_before); }
  [[nodiscard]] double rate() const { return count() / seconds; }

 private:
  [[nodiscard]] double width(double sum, double squares) const {
    return std::sqrt(std::max(0.0, squares / count() - sum * sum / (count() * count())));
  }
};

class PdfReportCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("input", o_.input, "PDFs in a file of photoz or of the qp library, HDF5").required().positional().layout();
    option("truth", o_.truth, "dataset of known redshifts in the group ancil, for the CDE loss; none: no loss");
    option("objects", o_.objects, "PDFs that are looked at, the first ones; 0: all").range(0, 1'000'000'000);
    option("output", o_.output, "the table as a file, CSV; empty: none").layout();
    option("plot", o_.plot, "picture of errors against bytes, SVG; empty: none").layout();
    option("pdf.zmin", o_.pdf.zmin, "first redshift of grids; -1: as the PDFs have it, else 0").range(-1.0, 100.0);
    option("pdf.zmax", o_.pdf.zmax, "last redshift of grids; 0: as the PDFs have it").range(0.0, 100.0);
    option("pdf.bins", o_.pdf.bins, "points of interp, bins of hist; 0: 301, of sparse: 1001").range(0, 100000);
    describe_pdf_sizes(option, o_.pdf);
  }

  ExitCode run(const CommandContext& context) override {
    std::vector<std::string> outputs;
    for (const std::string& path : {o_.output, o_.plot})
      if (!path.empty()) outputs.push_back(path);
    if (!outputs.empty()) check_outputs(outputs, {o_.input}), check_replaceable(outputs);
    if (!o_.plot.empty()) require_gnuplot();
    StoredPdfs pdfs(o_.input);
    if (pdfs.rows() == 0) throw DataError(o_.input + ": no PDFs (0 rows)");
    const std::vector<FormReport> forms = measure(pdfs, context.threads);
    fmt::print("{}", as_text(table_of(forms)));
    if (!o_.output.empty()) write_durably(o_.output, csv_of(forms)), log_info("wrote " + o_.output);
    if (!o_.plot.empty()) draw(forms), log_info("wrote " + o_.plot);
    return ExitCode::done;
  }

 private:
  std::vector<FormReport> measure(StoredPdfs& pdfs, int threads) {
    const std::int64_t rows = o_.objects > 0 ? std::min<std::int64_t>(o_.objects, pdfs.rows()) : pdfs.rows();
    const std::optional<RowReader> ancil = truth_reader(pdfs);
    std::vector<FormReport> reports;
    std::vector<PdfOptions> forms;
    std::vector<PdfConversion> conversions;
    for (const char* form : {"interp", "hist", "quant", "mixmod", "norm", "packed", "sparse"}) {
      PdfOptions pdf = o_.pdf;
      pdf.kind = form;
      if (pdf.bins == 0 && pdf.kind != "sparse") pdf.bins = 301;
      forms.push_back(resolved_pdf(pdf, pdfs.columns(), pdfs.meta()));
      conversions.emplace_back(pdfs.columns(), pdfs.meta(), forms.back());
      reports.push_back({form, bytes_per_row(conversions.back().gives())});
    }
    Table in(pdfs.columns());
    for (std::int64_t begin = 0; begin < rows; begin += block) {
      const RowRange range{begin, std::min(begin + block, rows)};
      pdfs.read(range, in);
      const std::vector<double> truth = truth_of(ancil, range);
      for (std::size_t i = 0; i < forms.size(); ++i) {
        Table out(conversions[i].gives(), in.rows());
        const auto start = std::chrono::steady_clock::now();
        (void)conversions[i].run(in, out, 1);
        reports[i].seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        reports[i].add(compare_pdfs(in, pdfs.meta(), out, forms[i], truth, threads));
      }
    }
    for (FormReport& report : reports) {
      if (report.cdf.empty()) throw DataError(fmt::format("{}: none of {} objects has a PDF", o_.input, grouped(rows)));
      std::ranges::sort(report.cdf);
    }
    log_info(fmt::format("{}: {} PDFs of {}, {} with a known redshift; {} bytes each", o_.input, grouped(std::ssize(reports.front().cdf)),
                         grouped(pdfs.rows()), grouped(reports.front().known), bytes_per_row(pdfs.columns())));
    return reports;
  }

  std::optional<RowReader> truth_reader(const StoredPdfs& pdfs) const {
    if (o_.truth == "none" || !has_columns(o_.input, pdf_ancil_group)) return std::nullopt;
    RowReader ancil(o_.input, pdf_ancil_group);
    const auto column = find_column(ancil.schema(), o_.truth);
    if (!column && o_.truth != truth_name)
      throw UsageError(fmt::format("{}: no {}/{} (named by --truth)", o_.input, pdf_ancil_group, o_.truth));
    if (!column) return std::nullopt;
    if (ancil.schema()[*column].type == Type::text)
      throw UsageError(fmt::format("{}: {}/{} is text (named by --truth)", o_.input, pdf_ancil_group, o_.truth));
    if (ancil.rows() != pdfs.rows()) throw DataError(fmt::format("{}: {} rows in ancil for {} PDFs", o_.input, ancil.rows(), pdfs.rows()));
    return ancil;
  }

  std::vector<double> truth_of(const std::optional<RowReader>& ancil, RowRange rows) const {
    if (!ancil) return {};
    Table table({ancil->schema()[*find_column(ancil->schema(), o_.truth)]});
    ancil->read(rows, table);
    std::vector<double> truth;
    for (std::size_t i = 0; i < table.rows(); ++i) truth.push_back(table[0].number(i));
    return truth;
  }

  static LogTable table_of(const std::vector<FormReport>& forms) {
    LogTable table;
    table.columns = {"form", "bytes", "CDF mean", "CDF 99 %", "CDF max", "CDE change", "n(z) mean", "n(z) width", "objects/s"};
    for (const FormReport& r : forms)
      table.rows.push_back({r.form, std::to_string(r.bytes), fmt::format("{:.5f}", r.cdf_mean()),
                            fmt::format("{:.5f}", r.cdf_quantile(0.99)), fmt::format("{:.5f}", r.cdf.back()),
                            r.known > 0 ? fmt::format("{:+.4f}", r.cde_change()) : "-", fmt::format("{:+.6f}", r.mean_change()),
                            fmt::format("{:+.6f}", r.width_change()), fmt::format("{:.0f}", r.rate())});
    return table;
  }

  static std::string csv_of(const std::vector<FormReport>& forms) {
    std::string text = "form,bytes,objects,cdf_mean,cdf_99,cdf_max,known,cde_change,nz_mean_change,nz_width_change,objects_per_s\n";
    for (const FormReport& r : forms)
      text += fmt::format("{},{},{},{:.6g},{:.6g},{:.6g},{},{},{:.6g},{:.6g},{:.4g}\n", r.form, r.bytes, r.cdf.size(), r.cdf_mean(),
                          r.cdf_quantile(0.99), r.cdf.back(), r.known, r.known > 0 ? fmt::format("{:.6g}", r.cde_change()) : "",
                          r.mean_change(), r.width_change(), r.rate());
    return text;
  }

  void draw(const std::vector<FormReport>& forms) const {
    GnuplotScript script;
    std::string data = "$forms << EOD\n";
    for (const FormReport& r : forms)
      data += fmt::format("{} {:.6g} {:.6g} {:.6g} {}\n", r.bytes, std::max(1e-7, r.cdf_mean()), std::max(1e-7, r.cdf_quantile(0.99)),
                          std::max(1e-7, r.cdf.back()), r.form);
    script.commands =
        data +
        "EOD\nset logscale xy\nset xlabel 'bytes of an object'\nset ylabel 'greatest difference of the distribution functions'\n"
        "set xrange [4:*<20000]\nset key top right\n"
        "plot $forms using 1:2 with points pt 7 ps 1 lc rgb '#0072b2' title 'mean', "
        "$forms using 1:3 with points pt 9 ps 1 lc rgb '#d55e00' title '99 %', "
        "$forms using 1:($0 == 0 ? $2 : NaN):5 with labels offset 0,1 notitle, "
        "$forms using 1:($0 > 0 ? $2 : NaN):5 with labels offset 0,-1 notitle\n";
    draw_svg(script, o_.plot);
  }

  static constexpr std::int64_t block = 8192;
  PdfReportOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_pdf_report_command() { return std::make_unique<PdfReportCommand>(); }

}  // namespace skyfold
