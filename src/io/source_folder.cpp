// Folders as inputs: HATS catalogues, and folders of Parquet files; all files of one are one table.
#include "source_folder.hpp"

#include <fmt/core.h>

#include "hats_catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"
#include "source_parquet.hpp"
#include "source_wrapped.hpp"

namespace skyfold {
namespace {

/// A HATS catalogue: its properties say which columns are the positions.
class HatsSource final : public WrappedSource {
 public:
  HatsSource(std::unique_ptr<Source> source, const HatsCatalogue& catalogue) : WrappedSource(std::move(source)) {
    for (const std::string& name : {catalogue.ra, catalogue.dec})
      if (!name.empty() && !find_column(source_->schema(), name))
        throw DataError(fmt::format("{}/hats.properties: the column '{}' of positions is not in the catalogue", catalogue.folder, name));
    if (catalogue.rows >= 0 && catalogue.rows != rows())
      throw DataError(fmt::format("{}/hats.properties: hats_nrows = {}, but its files have {} rows", catalogue.folder,
                                  grouped(catalogue.rows), grouped(rows())));
    for (std::size_t i = 0; i < source_->schema().size(); ++i) {
      ColumnInfo info = source_->schema()[i];
      const bool is_ra = info.name == catalogue.ra, is_dec = info.name == catalogue.dec;
      if ((is_ra || is_dec) && info.unit.empty()) info.unit = "deg";
      if ((is_ra || is_dec) && info.ucd.empty()) info.ucd = is_ra ? "pos.eq.ra;meta.main" : "pos.eq.dec;meta.main";
      take(i, std::move(info));
    }
  }
  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override { source_->read(piece, out, bad); }
};

}  // namespace

std::unique_ptr<Source> open_folder_source(const std::string& path, const ScanRunner& run) {
  if (is_hats(path)) {
    const HatsCatalogue catalogue = hats_catalogue(path);
    return std::make_unique<HatsSource>(open_parquet_files(path, parquet_footers(catalogue.files, run), run), catalogue);
  }
  const std::vector<std::string> files = parquet_files_below(path);
  if (files.empty()) throw IoError(fmt::format("{}: is a folder without Parquet files, and no HATS catalogue", path));
  return open_parquet_files(path, parquet_footers(files, run), run);
}

}  // namespace skyfold
