// Small FITS files in memory: CFITSIO lays them out and compresses, checksums are filled in afterwards (its own have the date beside them,
// and files shall have the same bytes on any day).
#include "skyfold/io/fits_builder.hpp"

#include <fitsio.h>
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/io/fits_product.hpp"

namespace skyfold {
namespace {

void check_built(int status) {
  if (status == 0) return;
  std::array<char, FLEN_STATUS> text{};
  fits_get_errstatus(status, text.data());
  throw IoError(fmt::format("a FITS file cannot be made in memory (CFITSIO: {})", text.data()));
}

void write_card(fitsfile* file, const HeaderCard& card) {
  int status = 0;
  const char *key = card.key.c_str(), *comment = card.comment.empty() ? nullptr : card.comment.c_str();
  if (const auto* truth = std::get_if<bool>(&card.value))
    fits_write_key_log(file, key, *truth ? 1 : 0, comment, &status);
  else if (const auto* whole = std::get_if<std::int64_t>(&card.value))
    fits_write_key_lng(file, key, *whole, comment, &status);
  else if (const auto* real = std::get_if<double>(&card.value))
    fits_write_key_dbl(file, key, *real, -15, comment, &status);  // up to 15 digits, as needed
  else
    fits_write_key_str(file, key, std::get<std::string>(card.value).c_str(), comment, &status);
  check_built(status);
}

/// Cards of fixed length, to be filled in once the file is whole.
void write_empty_sums(fitsfile* file) {
  int status = 0;
  fits_write_key_str(file, "CHECKSUM", "0000000000000000", "HDU checksum", &status);
  fits_write_key_str(file, "DATASUM", "0000000000", "data unit checksum", &status);
  check_built(status);
}

/// CFITSIO looks at what lies behind the end of a file in memory, and would take what was there before for more of it: it must be zero.
void* grown_with_zeros(void* old, std::size_t bytes) {
  void* grown = std::calloc(bytes, 1);
  if (!grown) return nullptr;
  std::memcpy(grown, old, std::min(bytes, malloc_usable_size(old)));
  std::free(old);
  return grown;
}

constexpr std::size_t card_length = 80, value_at = 11;

void fill_in(std::string& file, std::size_t begin, std::size_t end, std::string_view key, std::string_view value) {
  for (std::size_t at = begin; at < end; at += card_length)
    if (file.compare(at, key.size(), key) == 0) {
      file.replace(at + value_at, value.size(), value);
      return;
    }
  throw std::logic_error("a header lost its card " + std::string(key));
}

std::uint32_t sum_of(const std::string& file, std::size_t begin, std::size_t end) {
  return fits_sum(std::as_bytes(std::span(file).subspan(begin, end - begin)), 0);
}

}  // namespace

struct FitsBuilder::State {
  void* memory = nullptr;
  std::size_t capacity = 0;
  fitsfile* file = nullptr;
  bool compressed = false;
  bool is_open = false;
  int hdus = 0;

  ~State() {
    int status = 0;
    if (is_open) fits_close_file(file, &status);
    std::free(memory);
  }

  /// Ends the HDU that was begun last.
  void add_cards(const HeaderCards& cards) {
    ++hdus;
    for (const HeaderCard& card : cards) write_card(file, card);
    write_empty_sums(file);
  }
};

FitsBuilder::FitsBuilder(const HeaderCards& primary, bool compressed) : state_(std::make_unique<State>()) {
  State& my = *state_;
  my.compressed = compressed;
  constexpr std::size_t first_size = 2880UL * 100, growth = 2880UL * 400;
  my.capacity = first_size;
  my.memory = std::calloc(my.capacity, 1);
  if (!my.memory) throw std::bad_alloc();
  int status = 0;
  fits_create_memfile(&my.file, &my.memory, &my.capacity, growth, grown_with_zeros, &status);
  check_built(status);
  my.is_open = true;
  fits_create_img(my.file, BYTE_IMG, 0, nullptr, &status);
  check_built(status);
  my.add_cards(primary);
}

FitsBuilder::~FitsBuilder() = default;

void FitsBuilder::add_image(const HeaderCards& cards, std::int64_t width, std::span<const std::int32_t> pixels) {
  State& my = *state_;
  int status = 0;
  std::array<long, 2> size = {static_cast<long>(width), static_cast<long>(std::ssize(pixels) / width)};
  fits_set_compression_type(my.file, my.compressed ? RICE_1 : 0, &status);
  fits_create_img(my.file, LONG_IMG, 2, size.data(), &status);
  check_built(status);
  my.add_cards(cards);
  fits_write_img(my.file, TINT, 1, std::ssize(pixels), const_cast<std::int32_t*>(pixels.data()), &status);
  check_built(status);
}

void FitsBuilder::add_table(const HeaderCards& cards, const Table& table) {
  State& my = *state_;
  const Schema schema = table.schema();
  std::vector<std::string> form_texts;
  for (const ColumnInfo& column : schema) form_texts.push_back(fmt::format("{}{}", column.width, column.type == Type::f8 ? 'D' : 'E'));
  std::vector<char*> names, units, forms;
  for (const ColumnInfo& column : schema) {
    names.push_back(const_cast<char*>(column.name.c_str()));
    units.push_back(const_cast<char*>(column.unit.c_str()));
    forms.push_back(form_texts[forms.size()].data());
  }
  int status = 0;
  fits_create_tbl(my.file, BINARY_TBL, static_cast<LONGLONG>(table.rows()), static_cast<int>(schema.size()), names.data(), forms.data(),
                  units.data(), nullptr, &status);
  check_built(status);
  my.add_cards(cards);
  for (std::size_t i = 0; i < schema.size() && table.rows() > 0; ++i)
    fits_write_col(my.file, schema[i].type == Type::f8 ? TDOUBLE : TFLOAT, static_cast<int>(i) + 1, 1, 1,
                   static_cast<LONGLONG>(table.rows() * schema[i].width), const_cast<std::byte*>(table[i].bytes().data()), &status);
  check_built(status);
}

std::string FitsBuilder::finished() {
  State& my = *state_;
  int status = 0;
  fits_flush_file(my.file, &status);
  struct Extent {
    LONGLONG header = 0, data = 0, end = 0;
  };
  std::vector<Extent> hdus(static_cast<std::size_t>(my.hdus));
  for (int i = 0; i < my.hdus; ++i) {
    Extent& hdu = hdus[static_cast<std::size_t>(i)];
    fits_movabs_hdu(my.file, i + 1, nullptr, &status);
    fits_get_hduaddrll(my.file, &hdu.header, &hdu.data, &hdu.end, &status);
  }
  my.is_open = false;
  fits_close_file(my.file, &status);
  check_built(status);
  std::string bytes(static_cast<const char*>(my.memory), static_cast<std::size_t>(hdus.back().end));
  for (const Extent& hdu : hdus) {
    const auto header = static_cast<std::size_t>(hdu.header), data = static_cast<std::size_t>(hdu.data),
               end = static_cast<std::size_t>(hdu.end);
    const std::uint32_t data_sum = sum_of(bytes, data, end);
    fill_in(bytes, header, data, "DATASUM ", fmt::format("{:<10}", data_sum));
    std::array<char, 17> encoded{};
    // Of the header with zeros in place of the sum (FITS Standard 4.0, appendix J).
    fits_encode_chksum(add_fits_sums(sum_of(bytes, header, data), data_sum), 1, encoded.data());
    fill_in(bytes, header, data, "CHECKSUM", std::string_view(encoded.data(), 16));
  }
  return bytes;
}

}  // namespace skyfold
