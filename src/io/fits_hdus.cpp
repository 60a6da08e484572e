// FITS files as wholes, for archives: headers of all extensions, checksums, all tables. Headers are read by the parser of the inputs.
#include "skyfold/io/fits_hdus.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_product.hpp"
#include "skyfold/io/source.hpp"
#include "source_fits.hpp"
#include "source_fits_header.hpp"
#include "source_fits_table.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t fits_block = 2880;

bool is_true(const FitsHdu& hdu, std::string_view key) {
  const FitsCard* card = hdu.find(key);
  return card && !card->is_text && card->value == "T";
}

std::string place_of(std::size_t hdu) { return hdu == 0 ? std::string("primary HDU") : fmt::format("extension {}", hdu); }

/// Nothing but padding from here on.
bool is_padding(const InputFile& file, std::int64_t at) {
  return file.text_at(at, 1).find_first_not_of(std::string_view(" \0", 2)) == std::string::npos;
}

FitsHdu hdu_of(const FitsHeader& header, std::int64_t begin) {
  FitsHdu hdu;
  hdu.cards.reserve(header.cards().size());
  for (const auto& [key, card] : header.cards()) hdu.cards.push_back({key, card.value, card.is_text});
  hdu.begin = begin;
  hdu.data_begin = header.data_begin();
  hdu.data_bytes = header.data_bytes();
  hdu.end = header.end();
  return hdu;
}

/// Headers and where they begin. Throws for what is damaged.
std::vector<std::pair<std::int64_t, FitsHeader>> headers_of(const InputFile& file) {
  std::vector<std::pair<std::int64_t, FitsHeader>> headers;
  for (std::int64_t at = 0; at < file.size();) {
    const FitsHeader& header = headers.emplace_back(at, FitsHeader(file, at)).second;
    at = header.end();
    // Some writers leave out the padding of the last data; the data themselves must be there.
    if (header.data_begin() + header.data_bytes() > file.size())
      throw IoError(fmt::format("{}: {} ends at byte {}, the file at byte {} (truncated?)", file.path(), place_of(headers.size() - 1),
                                header.data_begin() + header.data_bytes(), file.size()));
    if (at >= file.size() || is_padding(file, at)) break;
  }
  return headers;
}

std::uint32_t sum_of(const File& file, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t step = std::int64_t{1} << 20;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(step, end - begin)));
  std::uint32_t sum = 0;
  for (std::int64_t at = begin; at < end; at += step) {
    const std::span<std::byte> bytes(buffer.data(), static_cast<std::size_t>(std::min(step, end - at)));
    const std::size_t got = file.read_some(at, bytes);
    sum = add_fits_sums(sum, fits_sum(bytes.first(got), at - begin));
  }
  return sum;
}

/// What the checksums of an HDU say.
std::string damage_of(const File& file, const FitsHdu& hdu) {
  const FitsCard *data_card = hdu.find("DATASUM"), *whole_card = hdu.find("CHECKSUM");
  if (!data_card && !whole_card) return "";
  const std::uint32_t data_sum = sum_of(file, hdu.data_begin, hdu.end);
  if (data_card) {
    const auto told = parse_integer(trim(data_card->value));
    if (!told) return fmt::format("DATASUM = '{}' is no number", data_card->value);
    if (*told != static_cast<long long>(data_sum))
      return fmt::format("the checksum of the data is {}, DATASUM says {} (changed since it was made)", data_sum, *told);
  }
  if (!whole_card || trim(whole_card->value).empty()) return "";
  const std::uint32_t sum = add_fits_sums(sum_of(file, hdu.begin, hdu.data_begin), data_sum);
  // Zero in ones' complement, of which there are two.
  return sum == 0 || sum == 0xffffffffU ? "" : "CHECKSUM does not fit the header and the data (changed since it was made)";
}

}  // namespace

const FitsCard* FitsHdu::find(std::string_view key) const noexcept {
  const auto card = std::find_if(cards.begin(), cards.end(), [&](const FitsCard& one) { return one.key == key; });
  return card == cards.end() ? nullptr : &*card;
}

bool FitsHdu::is_table() const noexcept {
  const FitsCard* kind = find("XTENSION");
  return kind && (kind->value == "BINTABLE" || kind->value == "TABLE") && !is_true(*this, "ZIMAGE");
}

bool FitsHdu::is_image() const noexcept {
  if (is_true(*this, "ZIMAGE")) return true;
  const FitsCard *kind = find("XTENSION"), *axes = find("NAXIS");
  return axes && axes->value != "0" && (!kind || kind->value == "IMAGE");
}

std::vector<FitsHdu> read_fits_hdus(const std::string& path) {
  const InputFile file(path);
  std::vector<FitsHdu> hdus;
  for (const auto& [begin, header] : headers_of(file)) hdus.push_back(hdu_of(header, begin));
  return hdus;
}

FitsFileCheck check_fits_file(const std::string& path) {
  FitsFileCheck check;
  const File file = File::for_reading(path);
  RunningHash hash;
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  for (std::int64_t at = 0;;) {
    const std::size_t got = file.read_some(at, buffer);
    hash.add(std::span(buffer).first(got));
    at += static_cast<std::int64_t>(got);
    if (got < buffer.size()) break;
  }
  check.hash = hex64(hash.value());
  try {
    const std::vector<FitsHdu> hdus = read_fits_hdus(path);
    for (std::size_t i = 0; i < hdus.size() && check.damage.empty(); ++i)
      if (const std::string damage = damage_of(file, hdus[i]); !damage.empty()) check.damage = fmt::format("{}: {}", place_of(i), damage);
  } catch (const Error& error) {
    check.damage = error.what();
    // The caller names the file.
    if (check.damage.starts_with(path + ": ")) check.damage.erase(0, path.size() + 2);
  }
  return check;
}

struct FitsTables::State {
  struct One {
    int extension = 0;
    std::unique_ptr<Source> source;
  };
  std::vector<One> tables;
};

FitsTables::FitsTables(const std::string& path) : state_(std::make_unique<State>()) {
  const auto file = std::make_shared<const InputFile>(path);
  int extension = 0;
  for (const auto& [begin, header] : headers_of(*file)) {
    if (header.text("XTENSION") == "BINTABLE" && !header.is_true("ZIMAGE")) {
      if (header.is_true("ZTABLE"))
        throw DataError(fmt::format("{}: {} is a compressed table (funpack it)", path, place_of(static_cast<std::size_t>(extension))));
      state_->tables.push_back({extension, open_fits_table_at(file, header)});
    }
    ++extension;
  }
}

FitsTables::~FitsTables() = default;
FitsTables::FitsTables(FitsTables&&) noexcept = default;

std::size_t FitsTables::size() const noexcept { return state_->tables.size(); }
int FitsTables::extension(std::size_t table) const { return state_->tables.at(table).extension; }
std::int64_t FitsTables::rows(std::size_t table) const { return state_->tables.at(table).source->rows(); }
const Schema& FitsTables::schema(std::size_t table) const { return state_->tables.at(table).source->schema(); }

void FitsTables::read(std::size_t table, Table& out) const {
  const State::One& one = state_->tables.at(table);
  std::vector<BadCell> bad;
  one.source->read({0, one.source->rows()}, out, bad);
  if (bad.empty()) return;
  throw DataError(fmt::format("{}: extension {}, row {}, column {}: {}", one.source->path(), one.extension, bad.front().row + 1,
                              bad.front().column, bad.front().problem));
}

}  // namespace skyfold
