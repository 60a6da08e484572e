// Masked columns of astropy: a column NAME.mask beside NAME says which cells are missing; the mask itself is no column of the
// table.
#include "source_masked.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/table/column_index.hpp"
#include "source_convert.hpp"
#include "source_wrapped.hpp"

namespace skyfold {
namespace {

constexpr const char* mask_ending = ".mask";

/// A column of the input and the one that masks it, both by number.
struct MaskPair {
  std::size_t column = 0, mask = 0;
};

bool is_integer(Type type) { return type == Type::u1 || type == Type::i4 || type == Type::i8; }

std::vector<MaskPair> masks_of(const Schema& schema) {
  std::vector<MaskPair> pairs;
  const ColumnIndex index(schema);
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const auto mask = index.find(schema[i].name + mask_ending);
    if (!mask || schema[*mask].type != Type::u1) continue;
    const std::size_t elements = schema[i].type == Type::text ? 1 : schema[i].width;
    // A mask of another shape is a column that happens to be called so.
    if (schema[*mask].width == 1 || schema[*mask].width == elements) pairs.push_back({i, *mask});
  }
  return pairs;
}

/// An integer that stands for missing, and a type that has one to spare.
void make_room(ColumnInfo& column, bool u1_is_boolean) {
  if (!is_integer(column.type) || column.null) return;
  // Of 256 values none is to spare, unless they are truths, which use two.
  if (column.type == Type::u1 && !u1_is_boolean) column.type = Type::i4;
  column.null = column.type == Type::u1 ? missing_u1 : column.type == Type::i4 ? missing_i4 : missing_i8;
}

template <class T>
void put_value(std::byte* place, T value) {
  std::memcpy(place, &value, sizeof value);
}

void put_missing(const ColumnInfo& column, std::byte* place) {
  switch (column.type) {
    case Type::f4:
      return put_value(place, std::numeric_limits<float>::quiet_NaN());
    case Type::f8:
      return put_value(place, std::numeric_limits<double>::quiet_NaN());
    case Type::i4:
      return put_value(place, static_cast<std::int32_t>(*column.null));
    case Type::i8:
      return put_value(place, *column.null);
    case Type::u1:
      return put_value(place, static_cast<std::uint8_t>(*column.null));
    case Type::text:
      std::fill_n(place, column.width, std::byte{0});
  }
}

class MaskedSource final : public WrappedSource {
 public:
  MaskedSource(std::unique_ptr<Source> source, std::vector<MaskPair> pairs, bool u1_is_boolean)
      : WrappedSource(std::move(source)), pairs_(std::move(pairs)) {
    Schema all = source_->schema();
    for (const MaskPair& pair : pairs_) make_room(all[pair.column], u1_is_boolean);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (std::ranges::none_of(pairs_, [&](const MaskPair& pair) { return pair.mask == i; })) take(i, all[i]);
  }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    // Bad cells of this piece alone: those under a mask are taken out again.
    std::vector<BadCell> found;
    source_->read(piece, out, found);
    Schema wanted;
    for (std::size_t i = 0; i < out.columns(); ++i)
      if (const MaskPair* pair = pair_of(out[i]); pair && !find_column(wanted, mask(*pair).name)) wanted.push_back(mask(*pair));
    // The masks of the wanted columns alone, in a second reading: most tables have none.
    if (!wanted.empty()) {
      Table masks(wanted);
      source_->read(piece, masks, found);
      for (std::size_t i = 0; i < out.columns(); ++i)
        if (const MaskPair* pair = pair_of(out[i])) apply(*pair, masks.at(mask(*pair).name), piece.first_row, out[i], found);
    }
    bad.insert(bad.end(), found.begin(), found.end());
  }

 private:
  [[nodiscard]] ColumnInfo mask(const MaskPair& pair) const { return source_->schema()[pair.mask]; }
  [[nodiscard]] const std::string& name_of_pair(const MaskPair& pair) const { return source_->schema()[pair.column].name; }
  [[nodiscard]] const MaskPair* pair_of(const Column& column) const {
    const auto found = std::ranges::find_if(pairs_, [&](const MaskPair& pair) { return name_of_pair(pair) == column.info().source; });
    return found == pairs_.end() ? nullptr : &*found;
  }

  /// Masks cells; what is wrong with the values below a mask does not matter.
  void apply(const MaskPair& pair, const Column& mask, std::int64_t first_row, Column& out, std::vector<BadCell>& bad) const {
    const std::string& name = name_of_pair(pair);
    const ColumnInfo& info = out.info();
    const std::size_t elements = info.type == Type::text ? 1 : info.width, bytes = info.bytes_per_row() / elements,
                      width = mask.info().width;
    const auto masks = mask.values<std::uint8_t>();
    const auto is_masked = [&](std::size_t row, std::size_t k) { return masks[row * width + (width == 1 ? 0 : k)] != 0; };
    // First the complaints about what is masked anyway, then the masks.
    std::erase_if(bad, [&](const BadCell& cell) {
      if (cell.column != name) return false;
      const auto row = static_cast<std::size_t>(cell.row - first_row);
      for (std::size_t k = 0; k < elements; ++k)
        if (is_masked(row, k)) return true;
      return false;
    });
    for (std::size_t row = 0; row < masks.size() / width; ++row)
      for (std::size_t k = 0; k < elements; ++k) {
        std::byte* place = out.bytes().data() + (row * elements + k) * bytes;
        if (!is_masked(row, k)) continue;
        if (!is_integer(info.type) || info.null)
          put_missing(info, place);
        else
          bad.push_back(
              {first_row + static_cast<std::int64_t>(row), name, "masked, but the column has no integer that stands for missing"});
      }
  }

  std::vector<MaskPair> pairs_;
};

}  // namespace

std::unique_ptr<Source> with_masks(std::unique_ptr<Source> source, bool u1_is_boolean) {
  std::vector<MaskPair> pairs = masks_of(source->schema());
  if (pairs.empty()) return source;
  return std::make_unique<MaskedSource>(std::move(source), std::move(pairs), u1_is_boolean);
}

}  // namespace skyfold
