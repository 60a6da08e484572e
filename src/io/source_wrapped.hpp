#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// An input that changes what another one gives, and says of the rest what that one says: whoever derives from it takes
/// columns and reads.
class WrappedSource : public Source {
 public:
  explicit WrappedSource(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  const std::string& path() const noexcept override { return source_->path(); }
  const Schema& schema() const noexcept override { return schema_; }
  const std::vector<LeftOut>& left_out() const noexcept override { return source_->left_out(); }
  std::int64_t rows() const noexcept override { return source_->rows(); }
  std::string mixture(std::size_t column) const override { return source_->mixture(taken_[column]); }
  bool is_void(std::size_t column) const override { return source_->is_void(taken_[column]); }
  const std::string& header_remark() const noexcept override { return source_->header_remark(); }
  std::vector<Piece> pieces(std::int64_t rows) const override { return source_->pieces(rows); }

 protected:
  /// Adds a column of the source to the schema, as `info` has it.
  void take(std::size_t column, ColumnInfo info) {
    schema_.push_back(std::move(info));
    taken_.push_back(column);
  }

  std::unique_ptr<Source> source_;
  Schema schema_;

 private:
  std::vector<std::size_t> taken_;  ///< number in the source of each column
};

}  // namespace skyfold
