#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "skyfold/table/header_card.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// Makes a small FITS file in memory, extension by extension, with CHECKSUM and DATASUM in each. The bytes depend on what is added alone:
/// no dates. One thread at a time in the whole process, as CFITSIO is not made for more.
class FitsBuilder {
 public:
  /// @param primary     cards of the primary header, which has no data
  /// @param compressed  images are stored in Rice-compressed tiles of a row, as `fpack` does
  FitsBuilder(const HeaderCards& primary, bool compressed);
  ~FitsBuilder();

  /// @param pixels  row by row, shape [pixels.size() / width][width]
  void add_image(const HeaderCards& cards, std::int64_t width, std::span<const std::int32_t> pixels);
  /// A binary table of f4 and f8 columns, arrays too.
  void add_table(const HeaderCards& cards, const Table& table);
  /// The whole file; nothing can be added afterwards.
  [[nodiscard]] std::string finished();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace skyfold
