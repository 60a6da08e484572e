// Searches of the sky in a catalogue, on one thread: usage: sky_bench CATALOGUE.h5 [CONES]
#include <fmt/core.h>

#include <cstdlib>
#include <ctime>

#include "skyfold/catalogue/halo.hpp"
#include "skyfold/catalogue/sky_search.hpp"
#include "skyfold/core/random.hpp"

using namespace skyfold;

namespace {

/// Of the processor: the machine may be shared.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Cones about objects, every few of them.
SkyArea cones(const Catalogue& catalogue, std::int64_t count, double radius_deg) {
  SkyArea area;
  Table place({catalogue.schema()[*find_column(catalogue.schema(), catalogue.layout().roles.ra)],
               catalogue.schema()[*find_column(catalogue.schema(), catalogue.layout().roles.dec)]});
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row =
        static_cast<std::int64_t>(ObjectRandom(5, static_cast<std::uint64_t>(i)).uniform() * static_cast<double>(catalogue.rows()));
    catalogue.reader().read({row, row + 1}, place);
    area.add_cone({place[0].number(0), place[1].number(0)}, radius_deg);
  }
  return area;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const Catalogue catalogue(argv[1]);
  const std::int64_t count = argc > 2 ? std::atol(argv[2]) : 10'000;
  for (const double radius_arcsec : {0.2, 60.0}) {
    const SkyArea area = cones(catalogue, count, radius_arcsec / 3600.0);
    SkySearch search(catalogue);
    for (const char* state : {"first", "again"}) {
      const double begin = seconds();
      const std::vector<RowRange> rows = search.rows(area);
      const double took = seconds() - begin;
      fmt::print("{} cones of {} arcsec, {}: {:.4f} s, {:.0f} cones/s, {} rows, {:.3g} rows/s\n", count, radius_arcsec, state, took,
                 static_cast<double>(count) / took, row_count(rows), static_cast<double>(row_count(rows)) / took);
    }
  }
}
