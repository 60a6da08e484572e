// The numbers of a PDF that surveys publish, a line for each column: Rubin's object_photoz, Euclid's PHZ catalogue, HSC's photo-z
// tables, and what users of the qp library expect beside a PDF.
#include "pdf_numbers.hpp"

#include <algorithm>

namespace skyfold {
namespace {

const std::string redshift = "src.redshift.phot", error = "stat.error;src.redshift.phot", probability = "stat.probability";

/// A column of one number. The value is a function of the facts alone, so that a captureless lambda does.
template <class Of>
PdfNumber one(const std::string& name, Type type, const std::string& ucd, const std::string& description, Of) {
  return {{name, type, 1, "", ucd, description, ""}, [](PdfFacts& f) { return std::pair(Of{}(f), 0.0); }};
}
template <class Of>
PdfNumber two(const char* name, const std::string& description, Of) {
  return {{name, Type::f4, 2, "", error, description, ""}, [](PdfFacts& f) { return Of{}(f); }};
}

std::vector<PdfNumber> rubin() {
  constexpr Type t = Type::f8;
  return {one("z_median", t, redshift, "median of the PDF", [](PdfFacts& f) { return f.median(); }),
          one("z_mean", t, redshift, "mean of the PDF", [](PdfFacts& f) { return f.mean(); }),
          one("z_mode", t, redshift, "mode of the PDF", [](PdfFacts& f) { return f.mode(); }),
          one("z_err68_low", t, error, "16 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.16); }),
          one("z_err68_high", t, error, "84 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.84); }),
          one("z_err95_low", t, error, "2.5 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.025); }),
          one("z_err95_high", t, error, "97.5 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.975); })};
}

std::vector<PdfNumber> euclid() {
  constexpr Type t = Type::f4;
  return {one("PHZ_MEDIAN", t, redshift, "median of the PDF", [](PdfFacts& f) { return f.median(); }),
          one("PHZ_MODE_1", t, redshift, "redshift of the highest mode of the PDF", [](PdfFacts& f) { return f.modes().first.z; }),
          one("PHZ_MODE_1_AREA", t, probability, "probability of that mode", [](PdfFacts& f) { return f.modes().first.area; }),
          one("PHZ_MODE_2", t, redshift, "redshift of the second mode of the PDF; NaN for one without",
              [](PdfFacts& f) { return f.modes().second.z; }),
          one("PHZ_MODE_2_AREA", t, probability, "probability of that mode", [](PdfFacts& f) { return f.modes().second.area; }),
          two("PHZ_70_INT", "shortest interval that holds 70 % of the PDF", [](PdfFacts& f) { return f.interval(0.70); }),
          two("PHZ_90_INT", "shortest interval that holds 90 % of the PDF", [](PdfFacts& f) { return f.interval(0.90); }),
          two("PHZ_95_INT", "shortest interval that holds 95 % of the PDF", [](PdfFacts& f) { return f.interval(0.95); })};
}

/// Three columns about each point estimate.
template <class Point>
void add_hsc_point(std::vector<PdfNumber>& columns, const std::string& name, Point) {
  constexpr Type t = Type::f4;
  const auto add = [&](const std::string& what, const std::string& ucd, const std::string& description, auto of) {
    columns.push_back(one("photoz_" + what + "_" + name, t, ucd, description + "photoz_" + name, of));
  };
  add("conf", probability, "probability within 0.03 of ", [](PdfFacts& f) { return f.confidence(Point{}(f)); });
  add("risk", "stat.value", "expected loss (Tanaka et al. 2018) of ", [](PdfFacts& f) { return f.risk(Point{}(f)); });
  add("std", error, "root mean square distance of the PDF from ", [](PdfFacts& f) { return f.deviation_from(Point{}(f)); });
}

std::vector<PdfNumber> hsc() {
  constexpr Type t = Type::f4;
  const auto mean = [](PdfFacts& f) { return f.mean(); };
  const auto mode = [](PdfFacts& f) { return f.mode(); };
  const auto median = [](PdfFacts& f) { return f.median(); };
  const auto best = [](PdfFacts& f) { return f.best(); };
  std::vector<PdfNumber> columns = {
      one("photoz_mean", t, redshift, "mean of the PDF", mean), one("photoz_mode", t, redshift, "mode of the PDF", mode),
      one("photoz_median", t, redshift, "median of the PDF", median),
      one("photoz_best", t, redshift, "redshift of the least expected loss (Tanaka et al. 2018)", best),
      one("photoz_mc", t, redshift, "a draw from the PDF, by seed and id", [](PdfFacts& f) { return f.drawn(); })};
  add_hsc_point(columns, "mean", mean);
  add_hsc_point(columns, "mode", mode);
  add_hsc_point(columns, "median", median);
  add_hsc_point(columns, "best", best);
  columns.push_back(one("photoz_err68_min", t, error, "16 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.16); }));
  columns.push_back(one("photoz_err68_max", t, error, "84 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.84); }));
  columns.push_back(one("photoz_err95_min", t, error, "2.5 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.025); }));
  columns.push_back(one("photoz_err95_max", t, error, "97.5 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.975); }));
  return columns;
}

std::vector<PdfNumber> ancil() {
  constexpr Type t = Type::f8;
  std::vector<PdfNumber> columns;
  // Each point estimate under both of the names that RAIL has for it.
  for (const char* prefix : {"z", "z_"}) {
    const auto name = [&](const char* what) { return std::string(prefix) + what; };
    columns.push_back(one(name("mode"), t, redshift, "mode of the PDF", [](PdfFacts& f) { return f.mode(); }));
    columns.push_back(one(name("median"), t, redshift, "median of the PDF", [](PdfFacts& f) { return f.median(); }));
    columns.push_back(one(name("mean"), t, redshift, "mean of the PDF", [](PdfFacts& f) { return f.mean(); }));
  }
  columns.push_back(one("z_std", t, error, "standard deviation of the PDF", [](PdfFacts& f) { return f.deviation_from(f.mean()); }));
  columns.push_back(one("z_q2p5", t, error, "2.5 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.025); }));
  columns.push_back(one("z_q16", t, error, "16 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.16); }));
  columns.push_back(one("z_q84", t, error, "84 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.84); }));
  columns.push_back(one("z_97p5", t, error, "97.5 % quantile of the PDF", [](PdfFacts& f) { return f.quantile(0.975); }));
  return columns;
}

}  // namespace

PdfFacts::PdfFacts(const Schema& columns, const PdfOptions& pdf) : pdf_(make_redshift_pdf(columns, pdf)) {
  if (find_column(columns, pdf_column)) grid_ = pdf_grid(pdf);
}

bool PdfFacts::set(const Table& rows, std::size_t row, double draw) {
  draw_ = draw;
  mean_.reset(), median_.reset(), mode_.reset(), best_.reset(), modes_.reset();
  has_risk_ = has_places_ = false;
  if (!grid_.empty()) values_ = rows.at(pdf_column).values<float>().subspan(row * grid_.size(), grid_.size());
  return pdf_->set(rows, row);
}

template <class Compute>
double PdfFacts::once(std::optional<double>& value, const Compute& compute) {
  if (!value) value = compute();
  return *value;
}

double PdfFacts::mean() {
  return once(mean_, [&] { return pdf_->mean(); });
}
double PdfFacts::median() {
  return once(median_, [&] { return pdf_->median(); });
}
double PdfFacts::mode() {
  return once(mode_, [&] { return pdf_->mode(); });
}
double PdfFacts::best() {
  return once(best_, [&] { return risks().least(); });
}

const PointRisk& PdfFacts::risks() {
  if (!has_risk_) risk_.set(*pdf_);
  has_risk_ = true;
  return risk_;
}

double PdfFacts::risk(double z) { return risks().at(z); }

// A probability of exactly 0 has no quantile; the least that a draw of 53 bits can be otherwise has one.
double PdfFacts::drawn() const { return pdf_->quantile(std::max(draw_, 0x1p-54)); }

double PdfFacts::confidence(double z) const {
  constexpr double reach = 0.03;
  return pdf_->cumulative(z + reach) - pdf_->cumulative(z - reach);
}

std::pair<double, double> PdfFacts::interval(double p) {
  if (!has_places_) pdf_->sample(places_, probabilities_);
  has_places_ = true;
  return shortest_interval(*pdf_, places_, p);
}

const std::pair<PdfMode, PdfMode>& PdfFacts::modes() {
  if (!modes_) modes_ = two_modes(grid_, values_);
  return *modes_;
}

std::vector<PdfNumber> pdf_numbers(const std::string& form) {
  return form == "rubin"    ? rubin()
         : form == "euclid" ? euclid()
         : form == "hsc"    ? hsc()
         : form == "ancil"  ? ancil()
                            : std::vector<PdfNumber>();
}

}  // namespace skyfold
