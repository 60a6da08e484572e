// What decides about repeated detections: the tile of each row, and how good it is.
#include "overlap_scan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/dataset/dataset.hpp"

namespace skyfold {
namespace {

const std::vector<std::string> snr_names = {"snr", "s2n", "sn", "s_n", "signal_to_noise", "snr_auto", "snr_psf", "snr_i", "snr_r", "snr_g"};
const std::vector<std::string> primary_names = {"primary", "is_primary", "isprimary", "detect_isprimary", "primary_flag"};

}  // namespace

OverlapRule::OverlapRule(const Inputs& inputs, const ImportOptions& o) : inputs_(inputs), tile_(inputs.schema.roles.tile) {
  const Schema& schema = inputs.schema.input;
  const std::string& path = inputs.sources.front()->path();
  if (!inputs.schema.has_positions) throw UsageError(fmt::format("--dedup {} (the rows of {} have no positions)", o.dedup, path));
  if (o.dedup_tile == "file")
    tile_.clear();
  else if (!o.dedup_tile.empty()) {
    tile_ = o.dedup_tile;
    if (!find_column(schema, tile_)) throw UsageError(describe_missing_column(path, schema, tile_, "--dedup.tile"));
  }
  if (tile_.empty() && inputs.sources.size() == 1)
    throw UsageError(
        fmt::format("--dedup {}: {} is one file without a column of tiles (nothing overlaps; name one by --dedup.tile)", o.dedup, path));
  remarks_.push_back(tile_.empty() ? fmt::format("--dedup: each of {} files is a tile", inputs.sources.size())
                                   : "--dedup: tiles are those of column " + tile_);
  has_middles_ = o.dedup == "primary";
  std::string merit = o.dedup_by;
  if (merit.empty()) merit = known_column(schema, has_middles_ ? primary_names : snr_names);
  if (merit.empty() && !has_middles_)
    throw UsageError(fmt::format(
        "--dedup best_snr: {} has no column that tells the signal to noise (say what does by --dedup.by, as in '1 / magerr_i')", path));
  if (!merit.empty()) merit_.emplace(merit, schema, path + " (--dedup.by)");
  if (o.dedup_by.empty())
    remarks_.push_back(
        merit.empty() ? "--dedup primary: the detection nearest to the middle of its tile stays (no column tells it; --dedup.by names one)"
                      : "guessed dedup.by = " + merit);
}

Schema OverlapRule::needs() const {
  const Schema& schema = inputs_.schema.input;
  Schema needed;
  std::vector<std::string> names = merit_ ? merit_->columns() : std::vector<std::string>();
  for (const std::string& name : {inputs_.schema.roles.ra, inputs_.schema.roles.dec, tile_}) names.push_back(name);
  for (const std::string& name : names)
    if (!name.empty() && !find_column(needed, name)) needed.push_back(schema[*find_column(schema, name)]);
  return needed;
}

void OverlapRule::fill(const Table& rows, std::size_t source, OverlapBlock& block) const {
  const Roles& roles = inputs_.schema.roles;
  const auto ra = rows.at(roles.ra).values<double>(), dec = rows.at(roles.dec).values<double>();
  block.ra.assign(ra.begin(), ra.end());
  block.dec.assign(dec.begin(), dec.end());
  block.tiles.assign(rows.rows(), static_cast<std::int64_t>(source));
  block.merits.assign(rows.rows(), 0.0);
  if (!tile_.empty()) {
    const Column& tile = rows.at(tile_);
    const bool is_text = tile.info().type == Type::text;
    // Two tiles whose hashes are equal, by a chance of 2^-64, would be taken for one.
    for (std::size_t i = 0; i < block.tiles.size(); ++i)
      block.tiles[i] = is_text ? static_cast<std::int64_t>(hash_of_id(tile, i, true)) : std::bit_cast<std::int64_t>(tile.number(i) + 0.0);
  }
  if (!merit_) return;
  merit_->evaluate(rows, 0, block.merits);
  for (double& merit : block.merits)
    if (std::isnan(merit)) merit = -std::numeric_limits<double>::infinity();
}

void OverlapArrays::create(const std::string& folder, std::int64_t rows) {
  for (const char* name : {"/tiles", "/merits", "/ra", "/dec"}) ScratchArray::create(folder + name, rows);
}

OverlapArrays::OverlapArrays(const std::string& folder)
    : tiles_(folder + "/tiles"), merits_(folder + "/merits"), ra_(folder + "/ra"), dec_(folder + "/dec") {}

void OverlapArrays::write(std::int64_t row, const OverlapBlock& block) {
  tiles_.write(row, block.tiles);
  merits_.write(row, block.merits);
  ra_.write(row, block.ra);
  dec_.write(row, block.dec);
}

void OverlapArrays::read(std::int64_t row, std::size_t rows, OverlapBlock& block) {
  block.tiles.resize(rows);
  tiles_.read(row, block.tiles);
  for (const auto& [from, to] : {std::pair(&merits_, &block.merits), std::pair(&ra_, &block.ra), std::pair(&dec_, &block.dec)}) {
    to->resize(rows);
    from->read(row, *to);
  }
}

void OverlapArrays::sync() {
  for (ScratchArray* array : {&tiles_, &merits_, &ra_, &dec_}) array->sync();
}

}  // namespace skyfold
