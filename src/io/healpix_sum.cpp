// DATASUM of maps (FITS Standard 4.0, section 4.4.2.7), by all ranks: checked before a map is believed, written when one is made.
#include "skyfold/io/healpix_sum.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "healpix_map_state.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/verification.hpp"
#include "skyfold/io/fits_product.hpp"

namespace skyfold {
namespace {

// The sum is of 32-bit words: parts of whole words add up.
constexpr std::int64_t unit_bytes = std::int64_t{64} << 20, read_bytes = std::int64_t{1} << 20;  // whole words, both

/// The sum of the bytes [begin, end) behind the start of the data.
std::uint32_t sum_of(const InputFile& file, std::int64_t data_begin, std::int64_t begin, std::int64_t end) {
  std::vector<char> block;
  std::uint32_t sum = 0;
  for (; begin < end; begin += std::ssize(block)) {
    block.resize(static_cast<std::size_t>(std::min(read_bytes, end - begin)));
    file.read_at(data_begin + begin, block);
    sum = add_fits_sums(sum, fits_sum(std::as_bytes(std::span(block)), begin));
  }
  return sum;
}

}  // namespace

std::optional<std::uint32_t> stated_data_sum(const HealpixMapFile& map) {
  if (!is_verifying_inputs()) return std::nullopt;
  const auto number = parse_integer(trim(map.keyword("DATASUM").value_or("")));
  return number && *number >= 0 && *number <= 0xffffffffLL ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

std::uint32_t data_sum_of(const HealpixMapFile& map, const ScanRunner& run) {
  const HealpixMapFile::Data data = map.data();
  // As texts, one per unit: the ranks share the units among them, and the sum does not depend on how.
  const auto units = static_cast<std::size_t>((data.bytes + unit_bytes - 1) / unit_bytes);
  std::uint32_t sum = 0;
  for (const std::string& part : run(units, [&](std::size_t i) {
         const std::int64_t first = static_cast<std::int64_t>(i) * unit_bytes;
         return std::to_string(sum_of(*data.file, data.begin, first, std::min(first + unit_bytes, data.bytes)));
       }))
    sum = add_fits_sums(sum, static_cast<std::uint32_t>(std::stoull(part)));
  return sum;
}

void compare_data_sums(const HealpixMapFile& map, std::uint32_t stated, std::uint32_t found) {
  const auto positive = [](std::uint32_t sum) { return sum == 0xffffffffU ? 0 : sum; };  // there are two zeros
  if (positive(stated) != positive(found))
    throw DataError(
        fmt::format("{}: damaged (the sum of its data is {}, but its header says DATASUM = {}; --verify-inputs off reads it all the same)",
                    map.path(), found, stated));
}

void write_data_sum(const std::string& path, std::uint32_t sum) {
  const std::int64_t begin = HealpixMapFile(path).data().begin;
  File file = File::for_update(path);
  std::string header(static_cast<std::size_t>(begin), '\0');
  file.read(0, std::as_writable_bytes(std::span(header)));
  const std::size_t card = header.find("DATASUM = '");
  if (card == std::string::npos || card % 80 != 0) throw std::logic_error(path + ": has no card DATASUM");
  file.write(static_cast<std::int64_t>(card) + 11, fmt::format("{:<10}", sum));
  file.sync();
  file.close();
}

}  // namespace skyfold
