// The estimates that are validated: by models, which are run here on the sample, or from tables, whose rows are joined to the
// sample by id. Ranks share blocks of the sample or pieces of the table, and every rank gets all the results.
#include "estimates.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

#include "pdfs.hpp"
#include "skyfold/commands/pdf_path.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/kernels/photoz/estimator.hpp"
#include "skyfold/kernels/photoz/redshift_pdf.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/table/algebra.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

using validation::PdfMeasures;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
// Sizes of the units of work. They are constants, not shares of the ranks: units have the same rows on any number of ranks, so an
// attempt on other ranks finds what an earlier one kept.
constexpr std::int64_t rows_per_unit = 8192;
constexpr std::int64_t rows_per_piece = 1 << 18;
constexpr std::size_t pdfs_per_chunk = 64;

/// The estimate of one object of the sample, as it is kept until all are there.
struct Estimate {
  std::int64_t row = 0;  ///< of the sample
  double z_phot = nan, z_err = nan, pit = nan, cde = nan, odds = nan;
};

using EstimatesCodec = ListCodec<Estimate>;

void set_pdf(const PdfMeasures& measures, Estimate& estimate) {
  estimate.pit = measures.pit;
  estimate.cde = measures.cde;
  estimate.odds = measures.odds;
}

// NaN in every row: what no model or table fills in is told from what one has failed at by who was found, not by the value.
Estimates empty_estimates(const std::string& path, const ValidationSample& sample) {
  Estimates estimates;
  estimates.path = path;
  estimates.name = std::filesystem::path(path).stem().string();
  for (auto* column : {&estimates.z_phot, &estimates.z_err, &estimates.pit, &estimates.cde, &estimates.odds})
    column->assign(sample.size(), nan);
  return estimates;
}

void place(const Estimate& estimate, Estimates& estimates) {
  const auto row = static_cast<std::size_t>(estimate.row);
  estimates.z_phot[row] = std::isfinite(estimate.z_phot) ? estimate.z_phot : nan;
  // An error of 0 or less is how catalogues write "none".
  estimates.z_err[row] = estimate.z_err > 0.0 && std::isfinite(estimate.z_err) ? estimate.z_err : nan;
  estimates.pit[row] = estimate.pit;
  estimates.cde[row] = estimate.cde;
  estimates.odds[row] = estimate.odds;
}

/// Redshifts to which PDFs of a model are cut.
std::pair<double, double> range_of(const ReadyModel& model) {
  if (model.pdf.kind == "none") return {0.0, 0.0};
  return make_redshift_pdf(model.kernel->gives(), model.pdf)->range();
}

/// Counts what there is and what there is not; `found` has the rows that the product knows.
void count(const ValidationSample& sample, const std::vector<bool>& found, std::pair<double, double> range, Estimates& estimates) {
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (!sample.is_usable[i]) continue;
    const bool is_estimated = !std::isnan(estimates.z_phot[i]), has_pdf = !std::isnan(estimates.pit[i]);
    // An object is missing or failed, never both; only one that is estimated can lack an error or a PDF.
    estimates.missing += !found[i];
    estimates.failed += found[i] && !is_estimated;
    if (!is_estimated) continue;
    ++estimates.measured;
    estimates.no_error += std::isnan(estimates.z_err[i]);
    estimates.no_pdf += estimates.has_pdf && !has_pdf;
    estimates.off_grid += estimates.has_pdf && has_pdf && (sample.z_spec[i] < range.first || sample.z_spec[i] > range.second);
  }
  if (estimates.measured == 0)
    throw DataError(fmt::format("{}: no estimate for any of {} objects with known redshifts ({} missing, {} failed)", estimates.path,
                                grouped(sample.usable), grouped(estimates.missing), grouped(estimates.failed)));
}

/// A block of the sample: the kernel's estimates and what their PDFs say.
std::vector<Estimate> estimate_block(const ValidationSample& sample, const ReadyModel& model, double odds_width, std::size_t begin,
                                     std::size_t end, int threads) {
  Table out(model.kernel->gives(), end - begin);
  // All rows are estimated, also those that are not usable: blocks then have fixed places whatever the cuts.
  Table in = slice(sample.photometry, begin, end);
  model.corrections.apply(in, model.corrections.look_up(in), threads);
  model.kernel->run(in, out, threads);
  const Column &z_phot = out.at("z_phot"), &z_err = out.at("z_err");
  std::vector<Estimate> estimates(end - begin);
  for (std::size_t k = 0; k < estimates.size(); ++k)
    estimates[k] = {static_cast<std::int64_t>(begin + k), z_phot.number(k), z_err.number(k), nan, nan, nan};
  if (model.pdf.kind == "none") return estimates;
  // A buffer for each thread: a PDF allocates nothing once it has been set.
  std::vector<std::unique_ptr<RedshiftPdf>> pdfs(static_cast<std::size_t>(threads));
  parallel_for(estimates.size(), pdfs_per_chunk, threads, [&](std::size_t first, std::size_t last, int thread) {
    auto& pdf = pdfs[static_cast<std::size_t>(thread)];
    if (!pdf) pdf = make_redshift_pdf(out.schema(), model.pdf);
    for (std::size_t k = first; k < last; ++k)
      if (sample.is_usable[begin + k] && pdf->set(out, k))
        set_pdf(validation::measure(*pdf, sample.z_spec[begin + k], estimates[k].z_phot, odds_width), estimates[k]);
  });
  return estimates;
}

/// How many usable objects of the sample trained the model, by id: their estimates are better than those of others.
std::int64_t count_trained(const PhotozModel& model, const ValidationSample& sample) {
  const auto training = model.tables.find("training");
  const Column* id = training == model.tables.end() ? nullptr : training->second.find("id");
  // Row numbers of two files are no ids: without a column of ids equal numbers would mean nothing.
  if (!id || sample.id.empty()) return 0;
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < training->second.rows(); ++i) ids.push_back(id->integer(i));
  std::sort(ids.begin(), ids.end());
  std::int64_t trained = 0;
  for (std::size_t i = 0; i < sample.size(); ++i)
    trained += sample.is_usable[i] && std::binary_search(ids.begin(), ids.end(), sample.ids[i]);
  return trained;
}

/// Rows of the sample by id.
// A sorted list and not a hash map: a sample has millions of ids at most, and the table of estimates is read in its own order.
class IdIndex {
 public:
  explicit IdIndex(const ValidationSample& sample) {
    for (std::size_t i = 0; i < sample.size(); ++i) rows_.emplace_back(sample.ids[i], i);
    std::sort(rows_.begin(), rows_.end());
  }
  /// Calls `use(row)` for each row of the sample with that id.
  template <class Use>
  void for_each(std::int64_t id, Use use) const {
    // An id may stand for several rows: copies in a weighted sample.
    for (auto at = std::lower_bound(rows_.begin(), rows_.end(), std::pair(id, std::size_t{0})); at != rows_.end() && at->first == id; ++at)
      use(at->second);
  }

 private:
  std::vector<std::pair<std::int64_t, std::size_t>> rows_;
};

/// Id, redshift and error of a table of estimates.
Schema estimate_columns(const ValidateOptions& o, const Source& source) {
  const Schema& schema = source.schema();
  const std::string id = o.estimate_id.empty() ? known_column(schema, known_columns::id) : o.estimate_id;
  if (id.empty()) throw UsageError(source.path() + ": no column of ids found (name it with --estimates.id)");
  Schema columns;
  for (const auto& [name, option] :
       {std::pair{id, "estimates.id"}, std::pair{o.estimate_z, "estimates.z_phot"}, std::pair{o.estimate_err, "estimates.z_err"}}) {
    const auto found = find_column(schema, name);
    if (!found) throw UsageError(fmt::format("{}: no column '{}' (name it with --{})", source.path(), name, option));
    ColumnInfo column = schema[*found];
    const bool is_id = columns.empty();
    if (column.type == Type::text || column.width != 1)
      throw DataError(fmt::format("{}: column {} is not a column of {}", source.path(), name, is_id ? "whole numbers" : "numbers"));
    // Reals that are whole are ids, too, as FITS tables of large surveys have them; one that is not would be cut off without a word.
    const auto no_id = is_id ? find_no_id(source, name) : std::nullopt;
    if (no_id)
      throw DataError(fmt::format("{}, row {}, column {}: {} (ids are whole numbers; name another column with --estimates.id)",
                                  source.path(), no_id->row + 1, name, no_id->problem));
    column.source = name;
    if (is_id) column.type = Type::i8;
    if (!find_column(columns, name)) columns.push_back(column);
  }
  // A column named for two of them was added once.
  if (columns.size() != 3) throw UsageError(fmt::format("{}: one column is named for two of id, z_phot and z_err", source.path()));
  return columns;
}

/// The estimates of the sample's objects in one piece of a table.
std::vector<Estimate> estimates_in(const Source& source, const Piece& piece, const Schema& columns, const IdIndex& index,
                                   const ValidationSample& sample, PdfFile* pdfs, double odds_width) {
  Table rows(columns);
  read_piece(source, piece, rows);
  std::vector<Estimate> estimates;
  for (std::size_t k = 0; k < rows.rows(); ++k) {
    if (columns[0].null == rows[0].integer(k)) continue;  // without an id it is nobody's
    index.for_each(rows[0].integer(k), [&](std::size_t row) {
      Estimate& estimate =
          estimates.emplace_back(Estimate{static_cast<std::int64_t>(row), rows[1].number(k), rows[2].number(k), nan, nan, nan});
      // The odds need z_phot to be a number; the PDF of an object that is not measured need not be read.
      if (pdfs && sample.is_usable[row] && std::isfinite(estimate.z_phot))
        if (const auto measures =
                pdfs->measure(piece.first_row + static_cast<std::int64_t>(k), sample.z_spec[row], estimate.z_phot, odds_width))
          set_pdf(*measures, estimate);
    });
  }
  return estimates;
}

Partition unit_of(std::int64_t id, RowRange rows) {
  return {id, fmt::format("rows {} to {}", rows.begin, rows.end), rows, static_cast<double>(rows.size())};
}

void check_missing(const ValidateOptions& o, const ValidationSample& sample, const std::vector<bool>& found, const Estimates& estimates) {
  if (estimates.missing == 0 || o.missing == "count") return;
  for (std::size_t i = 0; i < sample.size(); ++i)
    if (sample.is_usable[i] && !found[i])
      throw DataError(
          fmt::format("{}: no row for {} of {} objects of the sample, the first with id {} (--on-missing count goes on without them)",
                      estimates.path, grouped(estimates.missing), grouped(sample.usable), sample.ids[i]));
}

}  // namespace

std::vector<ReadyModel> read_models(const ValidateOptions& o) {
  std::vector<ReadyModel> models;
  for (const std::string& path : o.models) {
    if (!class_of(path).empty()) require_class(path, {product_class::photoz_model}, "models");  // read_model refuses those without a class
    models.push_back({path, read_model(path), nullptr, {}, {}});
  }
  return models;
}

void make_kernels(const ValidateOptions& o, std::vector<ReadyModel>& models) {
  if (models.empty()) return;
  const std::vector<std::string> paths = input_files(o.sample);
  const Dataset first(paths.front(), o.source);
  const PhotometricTable table = photometric_table(first, paths);
  for (ReadyModel& ready : models) {
    TablePhotometry photometry = model_photometry(o.bands, ready.model, ready.path, table);
    PhotozEstimator estimator = photoz_estimator(ready.model, photometry.columns, o.pdf);
    ready.kernel = std::move(estimator.kernel);
    ready.pdf = estimator.pdf;
    ready.corrections = std::move(photometry.corrections);
    for (const std::string& line : photometry.lines) log_info(line);
  }
}

Estimates estimate_sample(const ValidateOptions& o, const ReadyModel& model, const ValidationSample& sample, const ValidatePasses& passes,
                          std::size_t number) {
  Estimates estimates = empty_estimates(model.path, sample);
  estimates.algorithm = model.model.algorithm;
  const auto told = model.model.record.find("calibration");
  estimates.calibration = told == model.model.record.end() ? "none" : told->second;
  estimates.has_pdf = model.pdf.kind != "none";
  const std::vector<Partition> units = row_blocks(std::ssize(sample.ids), rows_per_unit);
  do_pass<EstimatesCodec>(
      passes, {"estimates of " + estimates.name, "objects"}, fmt::format("estimates {}", number), units, {},
      [&](RowRange block, std::vector<Estimate>& found) {
        found = estimate_block(sample, model, o.odds_width, static_cast<std::size_t>(block.begin), static_cast<std::size_t>(block.end),
                               passes.threads);
      },
      [&](RowRange, const std::vector<Estimate>& found) {
        for (const Estimate& estimate : found) place(estimate, estimates);
      });
  // A model knows every object; it can fail, but not miss one.
  passes.ranks.together([&] { count(sample, std::vector<bool>(sample.size(), true), range_of(model), estimates); });
  estimates.in_training = count_trained(model.model, sample);
  return estimates;
}

Estimates read_estimates(const ValidateOptions& o, const std::string& path, const ValidationSample& sample, const ValidatePasses& passes,
                         std::size_t number) {
  Estimates estimates = empty_estimates(path, sample);
  std::optional<Dataset> dataset;
  std::optional<PdfFile> pdfs;
  Schema columns;
  passes.ranks.together([&] {
    dataset.emplace(path, o.source);
    if (dataset->rows() == 0) throw DataError(path + ": no rows");
    columns = estimate_columns(o, dataset->source());
    if (o.pdf.kind == "none") return;
    if (const auto beside = pdfs_found_of(path, o.estimate_z)) pdfs.emplace(*beside, dataset->rows());
  });
  estimates.has_pdf = pdfs.has_value();
  const IdIndex index(sample);
  const std::vector<Piece> pieces = dataset->source().pieces(rows_per_piece);
  std::vector<Partition> units;
  for (const Piece& piece : pieces) units.push_back(unit_of(std::ssize(units), {piece.first_row, piece.first_row + piece.rows}));
  std::vector<bool> is_found(sample.size(), false);
  do_pass<EstimatesCodec>(
      passes, {"estimates in " + estimates.name, "rows"}, fmt::format("estimates {}", number), units,
      [&](RowRange block, std::vector<Estimate>& found) {  // here, where an error of the data is one of the run
        const auto piece =
            std::ranges::find_if(pieces, [&](const Piece& p) { return p.first_row == block.begin && p.rows == block.size(); });
        found = estimates_in(dataset->source(), *piece, columns, index, sample, pdfs ? &*pdfs : nullptr, o.odds_width);
      },
      {},
      [&](RowRange, const std::vector<Estimate>& found) {
        for (const Estimate& estimate : found) {
          const auto row = static_cast<std::size_t>(estimate.row);
          // Blocks come in their order, so the second row is told, not the one that some rank was faster with.
          if (is_found[row]) throw DataError(fmt::format("{}: the id {} of the sample occurs twice", path, sample.ids[row]));
          is_found[row] = true;
          place(estimate, estimates);
        }
      });
  passes.ranks.together([&] {
    count(sample, is_found, pdfs ? pdfs->range() : std::pair(0.0, 0.0), estimates);
    check_missing(o, sample, is_found, estimates);
  });
  return estimates;
}

}  // namespace skyfold
