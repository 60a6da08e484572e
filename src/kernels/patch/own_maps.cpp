// Sources that have a map each: the sources of a map are gathered, measured by a kernel of that map, and put back in their rows.
#include "skyfold/kernels/patch/own_maps.hpp"

#include <algorithm>
#include <limits>

#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

/// Values that nobody measured.
void set_nothing(Column& column) {
  if (column.info().type == Type::f8)
    std::ranges::fill(column.values<double>(), std::numeric_limits<double>::quiet_NaN());
  else
    std::ranges::fill(column.values<std::int32_t>(), 0);
}

template <class T>
void scatter_values(const Column& from, std::span<const std::size_t> rows, Column& to) {
  const auto values = from.values<T>();
  const auto out = to.values<T>();
  for (std::size_t i = 0; i < rows.size(); ++i) out[rows[i]] = values[i];
}

class OwnMapsKernel final : public Kernel {
 public:
  OwnMapsKernel(const PatchOptions& o, const std::vector<PatchMap>& maps, PatchPositions positions, std::string map_column)
      : positions_(std::move(positions)), map_column_(std::move(map_column)) {
    for (PatchMap map : maps) {
      map.suffix = "";
      kernels_.push_back(make_patch_kernel(o, {std::move(map)}, positions_));
      add_to_schema(kernels_.back()->gives());
    }
  }

  std::vector<std::string> needs() const override { return {positions_.lon, positions_.lat, map_column_}; }
  Schema gives() const override { return schema_; }

  void run(const Table& in, Table& out, int threads) const override {
    for (std::size_t i = 0; i < schema_.size(); ++i) set_nothing(out[i]);
    const Column& own = in.at(map_column_);
    std::vector<std::vector<std::size_t>> rows(kernels_.size());
    for (std::size_t row = 0; row < in.rows(); ++row)
      if (const std::int64_t map = own.integer(row); map >= 1 && map <= std::ssize(kernels_))
        rows[static_cast<std::size_t>(map - 1)].push_back(row);
    for (std::size_t map = 0; map < kernels_.size(); ++map)
      if (!rows[map].empty()) run_on(*kernels_[map], in, rows[map], out, threads);
  }

  void mark_failed(Table& out) const override {
    for (std::size_t i = 0; i < schema_.size(); ++i) set_nothing(out[i]);
    Table failed(kernels_.front()->gives(), out.rows());
    kernels_.front()->mark_failed(failed);
    std::vector<std::size_t> all(out.rows());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    put_back(failed, all, out);
  }

 private:
  void add_to_schema(const Schema& given) {
    if (schema_.empty()) {
      schema_ = given;
      return;
    }
    // Polarisation is measured on the maps that have it, and so not by all kernels.
    for (std::size_t i = 0; i < given.size(); ++i) {
      const auto there = find_column(schema_, given[i].name);
      if (!there)
        schema_.insert(schema_.end() - 1, given[i]);  // before `flags`, the last one
      else if (schema_[*there].unit != given[i].unit)
        schema_[*there].unit = "";
    }
  }

  void run_on(const Kernel& kernel, const Table& in, std::span<const std::size_t> rows, Table& out, int threads) const {
    Table part({in.at(positions_.lon).info(), in.at(positions_.lat).info()}, rows.size());
    gather_rows(in, rows, part);
    Table measured(kernel.gives(), rows.size());
    kernel.run(part, measured, threads);
    put_back(measured, rows, out);
  }

  void put_back(const Table& measured, std::span<const std::size_t> rows, Table& out) const {
    for (std::size_t i = 0; i < measured.columns(); ++i) {
      Column& to = out[*find_column(schema_, measured[i].info().name)];
      measured[i].info().type == Type::f8 ? scatter_values<double>(measured[i], rows, to)
                                          : scatter_values<std::int32_t>(measured[i], rows, to);
    }
  }

  PatchPositions positions_;
  std::string map_column_;
  std::vector<std::unique_ptr<Kernel>> kernels_;  ///< by map
  Schema schema_;
};

}  // namespace

std::unique_ptr<Kernel> make_own_maps_kernel(const PatchOptions& o, std::vector<PatchMap> maps, const PatchPositions& positions,
                                             const std::string& map_column) {
  return std::make_unique<OwnMapsKernel>(o, maps, positions, map_column);
}

}  // namespace skyfold
