// An input whose rows are numbered: a column like the others, so that it goes with its row wherever that goes.
#include "skyfold/io/row_numbers.hpp"

#include <numeric>
#include <utility>

#include "skyfold/table/algebra.hpp"
#include "source_wrapped.hpp"

namespace skyfold {
namespace {

class NumberedSource final : public WrappedSource {
 public:
  NumberedSource(std::unique_ptr<Source> source, std::int64_t first) : WrappedSource(std::move(source)), first_(first) {
    const Schema& inner = source_->schema();
    for (std::size_t c = 0; c < inner.size(); ++c)
      if (inner[c].name != source_row_column) take(c, inner[c]);
    schema_.push_back({source_row_column, Type::i8, 1, "", "meta.record", "row of the inputs, from 0", source_row_column});
  }

  std::string mixture(std::size_t column) const override { return is_number(column) ? "" : WrappedSource::mixture(column); }
  bool is_void(std::size_t column) const override { return !is_number(column) && WrappedSource::is_void(column); }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    Table inner;
    Column* number = nullptr;
    for (std::size_t c = 0; c < out.columns(); ++c)
      if (out[c].info().source == source_row_column)
        number = &out[c];
      else
        inner.add(out[c].info());
    if (number == nullptr) return source_->read(piece, out, bad);
    source_->read(piece, inner, bad);
    out.resize(static_cast<std::size_t>(piece.rows));
    for (std::size_t c = 0; c < inner.columns(); ++c) copy_rows(inner[c], 0, inner.rows(), out.at(inner[c].info().name), 0);
    const auto values = number->values<std::int64_t>();
    std::iota(values.begin(), values.end(), first_ + piece.first_row);
  }

 private:
  [[nodiscard]] bool is_number(std::size_t column) const { return column + 1 == schema_.size(); }
  std::int64_t first_;
};

}  // namespace

std::unique_ptr<Source> with_row_numbers(std::unique_ptr<Source> source, std::int64_t first) {
  return std::make_unique<NumberedSource>(std::move(source), first);
}

}  // namespace skyfold
