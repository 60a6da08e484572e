#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "healsparse_read.hpp"
#include "skyfold/io/healpix_map.hpp"
#include "source_file.hpp"
#include "source_fits_columns.hpp"
#include "source_fits_table.hpp"

namespace skyfold {

/// An open map file and what its header says.
struct HealpixMapFile::State {
  State(const FitsTable& table, const HealpixKeywords& keywords);
  State(HealsparseContent content, const HealpixKeywords& keywords);

  std::shared_ptr<const InputFile> opened;
  const InputFile& file;
  FitsHeader header;
  std::int64_t row_bytes = 0, rows = 0, data_begin = 0;
  std::int64_t per_row = 0;  ///< pixels
  long nside = 0;
  bool is_nested = false, is_explicit = false, is_iau = false;
  std::optional<Frame> frame;
  std::optional<double> bad_data;
  std::int64_t slots = 0, first_pixel = 0;
  FitsColumn pixel_column;                  ///< of listed pixels
  std::optional<HealsparseContent> sparse;  ///< of a map of healsparse: where its fine pixels are
  std::vector<FitsColumn> stored;           ///< as in the file
  std::vector<HealpixColumn> columns;       ///< as given to the reader, the same order
};

}  // namespace skyfold
