// FITS files as wholes, for archives: headers of all extensions, checksums, all tables. Headers are read by the parser of the inputs.
#include "skyfold/io/fits_hdus.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>

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

namespace {

/// A header of a table, read for what differs between tables with the same columns alone.
struct TableHead {
  std::string columns;  ///< all cards that say how rows are laid out
  std::int64_t rows = 0, data_begin = 0, data_end = 0;
};

/// The number of a card "KEY     =     12 / ..."; -1 for none.
std::int64_t number_in(std::string_view card) {
  const std::string_view value = card.substr(10);
  return parse_integer(trim(value.substr(0, value.find('/')))).value_or(-1);
}

bool is_about_columns(std::string_view card) {
  // Cards of compressed tables and images begin with Z.
  if (card[0] == 'Z' || card.starts_with("XTENSION") || card.starts_with("NAXIS1 ") || card.starts_with("CONTINUE")) return true;
  if (card[0] != 'T') return false;
  for (const std::string_view key : {"TTYPE", "TFORM", "TUNIT", "TSCAL", "TZERO", "TNULL", "TDIM", "TDISP", "TUCD", "TCOMM", "TFIELDS"})
    if (card.starts_with(key)) return true;
  return false;
}

/// Nothing for a header that is not of a plain binary table, or that is odd: it is then read in full, which says what is wrong.
std::optional<TableHead> table_head(const InputFile& file, std::int64_t begin) {
  constexpr std::int64_t most_blocks = 16;
  constexpr std::size_t card_bytes = 80;
  const std::string text = file.text_at(begin, most_blocks * fits_block);
  TableHead head;
  std::int64_t row_bytes = -1, heap = -1;
  head.rows = -1;
  for (std::size_t at = 0; at + card_bytes <= text.size(); at += card_bytes) {
    const std::string_view card = std::string_view(text).substr(at, card_bytes);
    if (at == 0 && !card.starts_with("XTENSION= 'BINTABLE'")) return std::nullopt;
    if (card.starts_with("NAXIS1  =")) row_bytes = number_in(card);
    if (card.starts_with("NAXIS2  =")) head.rows = number_in(card);
    if (card.starts_with("PCOUNT  =")) heap = number_in(card);
    if (card.starts_with("ZIMAGE") || card.starts_with("ZTABLE")) return std::nullopt;
    if (is_about_columns(card)) head.columns += card;
    if (!card.starts_with("END ") || trim(card) != "END") continue;
    const auto block = static_cast<std::int64_t>(at) / fits_block;
    std::int64_t bytes = 0;
    if (row_bytes < 0 || head.rows < 0 || heap != 0 || __builtin_mul_overflow(row_bytes, head.rows, &bytes) || bytes > INT64_MAX / 4)
      return std::nullopt;
    head.data_begin = begin + (block + 1) * fits_block;
    head.data_end = head.data_begin + (bytes + fits_block - 1) / fits_block * fits_block;
    return head;
  }
  return std::nullopt;
}

/// Layout of the last table: those of a night are alike, and reading 80 columns anew takes longer than their rows.
class LastLayout {
 public:
  const std::shared_ptr<const FitsTableLayout>& of(const InputFile& file, std::int64_t begin, const TableHead& head) {
    if (!layout_ || columns_ != head.columns) {
      layout_ = fits_table_layout(file.path(), FitsHeader(file, begin));
      columns_ = head.columns;
    }
    return layout_;
  }

 private:
  std::string columns_;
  std::shared_ptr<const FitsTableLayout> layout_;
};

}  // namespace

struct FitsTables::State {
  struct One {
    int extension = 0;
    std::unique_ptr<Source> source;
    std::shared_ptr<const Schema> schema;
  };
  std::vector<One> tables;

  void add(int extension, const std::shared_ptr<const InputFile>& file, const std::shared_ptr<const FitsTableLayout>& layout,
           std::int64_t data_begin, std::int64_t rows) {
    tables.push_back({extension, open_fits_table_at(file, layout, data_begin, rows), {layout, &layout->schema}});
  }
};

FitsTables::FitsTables(const std::string& path) : state_(std::make_unique<State>()) {
  static thread_local LastLayout last;
  const auto file = std::make_shared<const InputFile>(path);
  std::int64_t at = 0;
  for (int extension = 0; at < file->size() && (extension == 0 || !is_padding(*file, at)); ++extension) {
    if (const std::optional<TableHead> head = table_head(*file, at)) {
      state_->add(extension, file, last.of(*file, at, *head), head->data_begin, head->rows);
      at = head->data_end;
      continue;
    }
    const FitsHeader header(*file, at);
    at = header.end();
    if (header.text("XTENSION") != "BINTABLE" || header.is_true("ZIMAGE")) continue;
    if (header.is_true("ZTABLE"))
      throw DataError(fmt::format("{}: {} is a compressed table (funpack it)", path, place_of(static_cast<std::size_t>(extension))));
    state_->add(extension, file, fits_table_layout(path, header), header.data_begin(), header.count("NAXIS2"));
  }
}

FitsTables::~FitsTables() = default;
FitsTables::FitsTables(FitsTables&&) noexcept = default;

std::size_t FitsTables::size() const noexcept { return state_->tables.size(); }
int FitsTables::extension(std::size_t table) const { return state_->tables.at(table).extension; }
std::int64_t FitsTables::rows(std::size_t table) const { return state_->tables.at(table).source->rows(); }
const std::shared_ptr<const Schema>& FitsTables::schema(std::size_t table) const { return state_->tables.at(table).schema; }

void FitsTables::read(std::size_t table, Table& out) const {
  const State::One& one = state_->tables.at(table);
  std::vector<BadCell> bad;
  one.source->read({0, one.source->rows()}, out, bad);
  if (bad.empty()) return;
  throw DataError(fmt::format("{}: extension {}, row {}, column {}: {}", one.source->path(), one.extension, bad.front().row + 1,
                              bad.front().column, bad.front().problem));
}

}  // namespace skyfold
