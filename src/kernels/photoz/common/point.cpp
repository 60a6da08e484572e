// Point estimates of any PDF, by name.
#include "point.hpp"

#include "estimates.hpp"

namespace skyfold {
namespace {

constexpr double core_reach = 0.02;  // of 1 + z

}  // namespace

double point_of_pdf(const RedshiftPdf& pdf, const std::string& point) {
  if (point == "core") {
    const double median = pdf.median(), reach = core_reach * (1.0 + median);
    const double below = pdf.cumulative(median - reach), above = pdf.cumulative(median + reach);
    return pdf.quantile(0.5 * (below + above));
  }
  if (point != "risk") return point_of(pdf, point);
  thread_local PointRisk risk;  // for its buffers
  risk.set(pdf);
  return risk.least();
}

}  // namespace skyfold
