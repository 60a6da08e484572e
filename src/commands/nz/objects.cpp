// Columns of the objects whose PDFs are added up, wherever they stand: in the file of PDFs itself, in the product beside it, or in a
// catalogue of the same objects. Rows are joined by their number where ids agree, else by id.
#include "objects.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/known_columns.hpp"
#include "training.hpp"

namespace skyfold {
namespace {

constexpr const char *ancil_group = "/ancil", *id_name = "object_id", *row_name = "row";

/// Columns beside the PDFs, in their file.
class AncillaryColumns final : public ObjectColumns {
 public:
  explicit AncillaryColumns(std::shared_ptr<const RowReader> reader) : reader_(std::move(reader)) {}
  const Schema& schema() const noexcept override { return reader_->schema(); }
  const std::string& path() const noexcept override { return reader_->path(); }
  void want(const Schema& columns) override { wanted_ = columns; }
  void read(RowRange pdfs, std::span<const std::int64_t>, Table& out, std::vector<std::uint8_t>&) override {
    Table table(wanted_);
    reader_->read(pdfs, table);
    for (std::size_t c = 0; c < table.columns(); ++c) add_column(out, table[c]);
  }

 private:
  std::shared_ptr<const RowReader> reader_;
  Schema wanted_;
};

/// Whole numbers of a column of the file of PDFs.
std::vector<std::int64_t> numbers_of(const RowReader& reader, const std::string& name, RowRange rows) {
  Table table({reader.schema()[*find_column(reader.schema(), name)]});
  reader.read(rows, table);
  std::vector<std::int64_t> numbers(table.rows());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = table[0].integer(i);
  return numbers;
}

/// A product or catalogue of skyfold in the order of the PDFs, read as it is.
class RowsOfCatalogue final : public ObjectColumns {
 public:
  /// @param ancil  of the PDFs, whose column `row` says which rows have one; may be null
  RowsOfCatalogue(const std::string& path, std::shared_ptr<const RowReader> ancil, std::int64_t pdfs)
      : catalogue_(path), ancil_(std::move(ancil)), has_rows_(ancil_ && find_column(ancil_->schema(), row_name)) {
    const std::int64_t rows = has_rows_ ? catalogue_.rows() : pdfs;
    if (catalogue_.rows() != rows)
      throw DataError(fmt::format("{}: {} rows for {} PDFs (not of these objects?)", path, grouped(catalogue_.rows()), grouped(pdfs)));
    id_ = catalogue_.layout().roles.id;
  }
  const Schema& schema() const noexcept override { return catalogue_.schema(); }
  const std::string& path() const noexcept override { return catalogue_.path(); }
  void want(const Schema& columns) override {
    wanted_ = columns;
    if (!id_.empty() && !find_column(wanted_, id_)) read_.push_back(schema()[*find_column(schema(), id_)]);
    read_.insert(read_.end(), wanted_.begin(), wanted_.end());
  }
  void read(RowRange pdfs, std::span<const std::int64_t> ids, Table& out, std::vector<std::uint8_t>&) override {
    Table table = rows_of(pdfs, read_);
    for (std::size_t i = 0; i < ids.size() && !id_.empty(); ++i)
      if (table.at(id_).integer(i) != ids[i])
        throw DataError(fmt::format("{}: object {} where the PDFs have object {} in row {} (another order? --join id)", path(),
                                    table.at(id_).integer(i), ids[i], pdfs.begin + static_cast<std::int64_t>(i) + 1));
    for (const ColumnInfo& column : wanted_) add_column(out, table.at(column.name));
  }
  /// Whether ids agree at places spread over all rows.
  [[nodiscard]] bool agrees() const {
    if (id_.empty() || !ancil_ || !find_column(ancil_->schema(), id_name)) return true;
    const Schema id = {catalogue_.schema()[*find_column(catalogue_.schema(), id_)]};
    for (std::int64_t k = 0; k < places; ++k) {
      const std::int64_t row = (ancil_->rows() - 1) * k / (places - 1);
      if (rows_of({row, row + 1}, id)[0].integer(0) != numbers_of(*ancil_, id_name, {row, row + 1})[0]) return false;
    }
    return true;
  }

 private:
  static constexpr std::int64_t places = 33;

  [[nodiscard]] Table rows_of(RowRange pdfs, const Schema& columns) const {
    Table table(columns);
    if (!has_rows_) {
      catalogue_.reader().read(pdfs, table);
      return table;
    }
    const std::vector<std::int64_t> rows = numbers_of(*ancil_, row_name, pdfs);
    if (!std::ranges::is_sorted(rows) || rows.front() < 0 || rows.back() >= catalogue_.rows())
      throw DataError(fmt::format("{}: {}/{} {} to {} are not rows of {}, which has {} (not of these objects?)", ancil_->path(),
                                  ancil_group, row_name, rows.front(), rows.back(), path(), catalogue_.rows()));
    catalogue_.reader().read({rows.front(), rows.back() + 1}, table);
    std::vector<std::size_t> places_in;
    for (const std::int64_t row : rows) places_in.push_back(static_cast<std::size_t>(row - rows.front()));
    return gather(table, places_in);
  }

  Catalogue catalogue_;
  std::shared_ptr<const RowReader> ancil_;
  bool has_rows_;
  std::string id_;
  Schema wanted_, read_;
};

/// Any table, joined by id: its columns are kept in memory.
class RowsById final : public ObjectColumns {
 public:
  RowsById(const std::string& path, const NzOptions& o) : dataset_(path, o.source) {
    std::vector<std::string> ignored;
    id_ = whole_id_column(dataset_, {"columns.id", o.id, true}, known_columns::id, ignored);
    if (id_.empty()) throw UsageError(path + ": no column of ids found (name it with --columns.id)");
  }
  const Schema& schema() const noexcept override { return dataset_.schema(); }
  const std::string& path() const noexcept override { return dataset_.path(); }
  void want(const Schema& columns) override {
    names_ = columns;
    Schema read = {{"", Type::i8, 1, "", "", "", id_}};
    for (ColumnInfo column : columns) {
      column.source = column.name;
      read.push_back(column);
    }
    table_ = dataset_.read(read);
    const auto id = table_[0].values<std::int64_t>();
    for (std::size_t i = 0; i < id.size(); ++i) rows_.emplace_back(id[i], i);
    std::ranges::sort(rows_);
    const auto twice = std::ranges::adjacent_find(rows_, {}, [](const auto& row) { return row.first; });
    if (twice != rows_.end() && std::next(twice) != rows_.end() && twice->first == std::next(twice)->first)
      throw DataError(
          fmt::format("{}, row {}: the id {} occurs twice (rows are joined by it)", path(), std::next(twice)->second + 1, twice->first));
  }
  void read(RowRange, std::span<const std::int64_t> ids, Table& out, std::vector<std::uint8_t>& found) override {
    std::vector<std::size_t> rows(ids.size(), 0);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto at = std::ranges::lower_bound(rows_, std::pair(ids[i], std::size_t{0}));
      if (at == rows_.end() || at->first != ids[i])
        found[i] = 0;
      else
        rows[i] = at->second;
    }
    for (const ColumnInfo& column : names_) {
      Table part({column}, rows.size());
      gather_rows(table_.at(column.name), rows, part[0]);
      add_column(out, part[0]);
    }
  }

 private:
  Dataset dataset_;
  std::string id_;
  Schema names_;
  Table table_;
  std::vector<std::pair<std::int64_t, std::size_t>> rows_;  ///< by id
};

/// The product that PDFs are beside: Z.hdf5 for Z.pdf.hdf5 and for Z.dnf.pdf.hdf5; "" for none.
std::string product_of(const std::string& pdf) {
  std::filesystem::path path(pdf);
  std::string stem = path.stem().string();
  if (!stem.ends_with(".pdf")) return "";
  stem.resize(stem.size() - 4);
  for (int part = 0; part < 2; ++part) {
    for (const char* ending : {".hdf5", ".h5"})
      if (const auto beside = path.parent_path() / (stem + ending); is_own_product(beside.string()) && is_catalogue(beside.string()))
        return beside.string();
    if (const std::size_t dot = stem.rfind('.'); dot != std::string::npos) stem.resize(dot);
  }
  return "";
}

}  // namespace

std::vector<std::string> NzObjects::paths(const NzOptions& o) {
  std::vector<std::string> paths;
  if (!o.catalogue.empty()) paths.push_back(o.catalogue);
  if (const std::string beside = product_of(o.pdf); !beside.empty() && beside != o.catalogue) paths.push_back(beside);
  return paths;
}

NzObjects::NzObjects(NzOptions& o, const nz::TomographicBins& bins, std::int64_t rows)
    : bins_(bins), seed_(static_cast<std::uint64_t>(o.seed)), counts_missing_(o.missing == "count") {
  open_sources(o, rows);
  wanted_.resize(sources_.size());
  want(bins_.column, "bins");
  if (o.point.empty()) o.point = bins_.column;  // so that the record names it
  want(point_ = o.point, "point");
  if (!(weight_ = o.weights).empty()) want(weight_, "weights");
  find_truth(o);
  if (o.nside > 0 && o.ra != "none") find_patches(o);
  Schema all;
  for (const auto& source : sources_)
    for (const ColumnInfo& column : source->schema())
      if (!find_column(all, column.name)) all.push_back(column);
  if (!trim(o.where).empty()) {
    condition_.emplace(o.where, all, "--where");
    for (const std::string& name : condition_->columns()) want(name, "where");
  }
  for (const std::string& text : o.training_space) {
    const NumberExpression& number = space_.emplace_back(text, all, "--training.space");
    for (const std::string& name : number.columns()) want(name, "where");
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) sources_[i]->want(wanted_[i]);
}

void NzObjects::open_sources(const NzOptions& o, std::int64_t rows) {
  if (has_columns(o.pdf, ancil_group)) ancil_ = std::make_shared<RowReader>(o.pdf, ancil_group);
  if (ancil_ && ancil_->rows() != rows)
    throw DataError(fmt::format("{}: {} rows of {} for {} PDFs", o.pdf, ancil_->rows(), ancil_group, rows));
  const bool has_ids = ancil_ && find_column(ancil_->schema(), id_name);
  if (has_ids) id_ = id_name;
  for (const std::string& path : paths(o)) {
    const bool is_own = is_own_product(path) && is_catalogue(path);
    std::unique_ptr<RowsOfCatalogue> by_row;
    // The product beside the PDFs is theirs row by row; of a catalogue its ids tell.
    if (is_own && (path != o.catalogue || o.join != "id")) {
      const bool may_fit = has_rows(path, rows);
      if (may_fit || path != o.catalogue || o.join == "row") by_row = std::make_unique<RowsOfCatalogue>(path, ancil_, rows);
      if (by_row && path == o.catalogue && o.join == "auto" && !by_row->agrees()) by_row.reset();
    } else if (path == o.catalogue && o.join == "row") {
      throw UsageError(fmt::format("--join row: {} is no catalogue of skyfold (import makes one)", path));
    }
    lines_.push_back(fmt::format("objects of {}, joined by {}", path, by_row ? "row" : "id"));
    if (!by_row && !has_ids)
      throw DataError(fmt::format("{}: no {}/{} (ids, by which {} would be joined)", o.pdf, ancil_group, id_name, path));
    if (by_row)
      sources_.push_back(std::move(by_row));
    else
      sources_.push_back(std::make_unique<RowsById>(path, o));
  }
  if (ancil_) sources_.push_back(std::make_unique<AncillaryColumns>(ancil_));
  if (sources_.empty())
    throw DataError(fmt::format("{}: no {}, and no product beside it (nothing is known of the objects: --catalogue)", o.pdf, ancil_group));
}

/// Whether a catalogue may be in the order of the PDFs, by its number of rows.
bool NzObjects::has_rows(const std::string& path, std::int64_t pdfs) const {
  const std::int64_t rows = Catalogue(path).rows();
  if (!ancil_ || !find_column(ancil_->schema(), row_name)) return rows == pdfs;
  return rows > 0 && numbers_of(*ancil_, row_name, {pdfs - 1, pdfs}).front() < rows;
}

void NzObjects::want(const std::string& name, const std::string& named_by) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto found = find_column(sources_[i]->schema(), name);
    if (!found) continue;
    const ColumnInfo& column = sources_[i]->schema()[*found];
    if (named_by != "where" && (column.type == Type::text || column.width != 1))
      throw UsageError(fmt::format("{}: column {} (named by --{}) is not a column of numbers", sources_[i]->path(), name, named_by));
    if (!find_column(wanted_[i], name)) wanted_[i].push_back(column);
    return;
  }
  Schema all;
  std::vector<std::string> paths;
  for (const auto& source : sources_) {
    all.insert(all.end(), source->schema().begin(), source->schema().end());
    if (std::ranges::find(paths, source->path()) == paths.end()) paths.push_back(source->path());
  }
  throw UsageError(describe_missing_column(join(paths, ", "), all, name, "--" + named_by));
}

std::string NzObjects::known(std::span<const std::string> names) const {
  for (const auto& source : sources_)
    if (const std::string name = known_column(source->schema(), names); !name.empty()) return name;
  return "";
}

void NzObjects::find_truth(NzOptions& o) {
  if (o.truth == "none") return;
  if (o.truth.empty()) {
    // Not "z", which may be a magnitude, or whatever a code has called its own estimate.
    std::vector<std::string> names = known_columns::redshift;
    std::erase_if(names, [](const std::string& name) { return name.size() < 3; });
    o.truth = known(names);
    if (!o.truth.empty()) lines_.push_back("guessed truth = " + o.truth);
  }
  if (!(truth_ = o.truth).empty()) want(truth_, "truth");
}

void NzObjects::find_patches(const NzOptions& o) {
  ra_ = o.ra.empty() ? known(known_columns::ra) : o.ra;
  dec_ = o.dec.empty() ? known(known_columns::dec) : o.dec;
  if (ra_.empty() || dec_.empty()) {
    lines_.push_back(
        "no positions: errors are by bootstrap alone (--catalogue, --columns.ra and --columns.dec give patches for a jackknife)");
    return;
  }
  want(ra_, "columns.ra");
  want(dec_, "columns.dec");
  order_ = order_of_nside(o.nside);
}

void NzObjects::read(RowRange pdfs, Table& columns, std::vector<std::uint8_t>& found, std::vector<std::int64_t>& ids) const {
  const auto n = static_cast<std::size_t>(pdfs.size());
  if (id_.empty())
    ids.clear();
  else
    ids = numbers_of(*ancil_, id_, pdfs);
  found.assign(n, 1);
  columns = Table();
  columns.resize(n);
  for (const auto& source : sources_) {
    source->read(pdfs, ids, columns, found);
    const auto missing = std::ranges::find(found, std::uint8_t{0});
    if (missing != found.end() && !counts_missing_)
      throw DataError(fmt::format("{}: no row for the object {} of row {} of the PDFs (--on-missing count goes on without it)",
                                  source->path(), ids[static_cast<std::size_t>(missing - found.begin())],
                                  pdfs.begin + (missing - found.begin()) + 1));
  }
  if (!ids.empty()) return;
  for (std::int64_t row = pdfs.begin; row < pdfs.end; ++row) ids.push_back(row);
}

void NzObjects::judge(const Table& columns, const std::vector<std::uint8_t>& found, const std::vector<std::int64_t>& ids,
                      nz::Objects& objects) const {
  objects.resize(ids.size(), has_patches());
  objects.space = points_of(space_, columns);
  std::vector<std::uint8_t> holds(ids.size(), 1);
  if (condition_) condition_->evaluate(columns, holds);
  const Column &bin = columns.at(bins_.column), &point = columns.at(point_);
  const Column *weight = weight_.empty() ? nullptr : &columns.at(weight_), *truth = truth_.empty() ? nullptr : &columns.at(truth_);
  const Column *ra = has_patches() ? &columns.at(ra_) : nullptr, *dec = has_patches() ? &columns.at(dec_) : nullptr;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    objects.key[i] = validation::bootstrap_key(seed_, ids[i]);
    objects.weight[i] = weight ? weight->number(i) : 1.0;
    objects.point[i] = point.number(i);
    objects.truth[i] = truth ? truth->number(i) : std::numeric_limits<double>::quiet_NaN();
    objects.bin[i] = bins_.bin_of(bin.number(i));
    const Position position = ra ? Position{ra->number(i), dec->number(i)} : Position{};
    // Objects without a position are a patch of their own: none is left out of the jackknife's sums.
    if (ra) objects.patch[i] = is_valid(position) ? pixel_of(healpix29(position), order_) : -1;
    objects.reason[i] = static_cast<std::int8_t>(reason_of(found[i], holds[i], objects.weight[i], objects.bin[i]));
  }
}

int NzObjects::reason_of(bool is_found, bool holds, double weight, int bin) noexcept {
  using nz::Reason;
  if (!is_found) return static_cast<int>(Reason::no_row);
  if (!holds) return static_cast<int>(Reason::condition);
  if (!(weight > 0.0) || !std::isfinite(weight)) return static_cast<int>(Reason::no_weight);
  return bin < 0 ? static_cast<int>(Reason::no_bin) : -1;
}

}  // namespace skyfold
