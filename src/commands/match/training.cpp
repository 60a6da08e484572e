// From candidates to the training set: the nearest object of each spectroscopic one, each photometric object once, cuts, order.
// Whatever the order of the blocks, the result is the same: ties go by separation, then by number.
#include "training.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// Columns of the spectroscopic sample and how they are called in a training set.
struct Renamed {
  const char *sample, *training;
};
constexpr Renamed spectroscopic[] = {{"id", "spec_id"},       {"ra", "spec_ra"},  {"dec", "spec_dec"},
                                     {"z", "z_spec"},         {"z_err", "z_err"}, {"quality", "quality"},
                                     {"survey", "survey"},    {"class", "class"}, {"group_size", "group_size"},
                                     {"group_id", "group_id"}};

void count_multiplicity(std::size_t n, std::vector<std::int64_t>& counts) {
  if (n == 0) return;
  if (counts.size() < n) counts.resize(n);
  ++counts[n - 1];
}

class TrainingMaker {
 public:
  TrainingMaker(const TrainingInputs& inputs, const MatchParts& parts)
      : in_(inputs), parts_(parts), blocks_(parts.parts().pieces({0, inputs.catalogue.rows()})) {}

  TrainingTable make() {
    choose();
    if (in_.o.symmetric) keep_once();
    result_.counts.symmetric = std::ssize(matches_);
    gather();
    result_.counts.without_ebv = in_.photometry.apply(all_);
    cut();
    finish();
    return std::move(result_);
  }

 private:
  /// The nearest candidate of each spectroscopic object, whatever part it was found in.
  void choose() {
    const std::size_t bands = in_.photometry.columns().magnitude.size();
    result_.reference = result_.training = MagnitudeCounts(bands);
    std::vector<MatchCandidate> best(in_.sample.rows(), {0, 0.0, none, 0});
    std::vector<std::uint32_t> candidates(in_.sample.rows());
    for (const Parts::Piece& block : blocks_) {
      const Part part = parts_.read(block);
      result_.reference.add(part.reference);
      for (const MatchCandidate& candidate : part.candidates) {
        MatchCandidate& now = best[candidate.object];
        ++candidates[candidate.object];
        // An object near a border of two blocks has candidates in both.
        if (now.object == none || candidate.is_nearer(now)) now = candidate;
      }
    }
    MatchCounts& counts = result_.counts;
    counts.spectroscopic = static_cast<std::int64_t>(in_.sample.rows());
    counts.photometric = in_.catalogue.rows();
    for (const std::uint32_t n : candidates) count_multiplicity(n, counts.candidates_of);
    for (const MatchCandidate& candidate : best)
      if (candidate.object != none) matches_.push_back(candidate);
    counts.matched = std::ssize(matches_);
    if (matches_.empty())
      throw DataError(
          fmt::format("{}: no object within {} arcsec of any of {}", in_.o.catalogue.path, shortest(in_.o.radius_arcsec), in_.o.spec));
    std::sort(matches_.begin(), matches_.end(), [](const MatchCandidate& a, const MatchCandidate& b) {
      if (a.row != b.row) return a.row < b.row;
      return a.separation_arcsec != b.separation_arcsec ? a.separation_arcsec < b.separation_arcsec : a.object < b.object;
    });
    describe_matches();
  }

  void describe_matches() {
    MatchCounts& counts = result_.counts;
    for (std::size_t i = 0; i < matches_.size();) {
      std::size_t end = i + 1;
      while (end < matches_.size() && matches_[end].row == matches_[i].row) ++end;
      count_multiplicity(end - i, counts.shared_by);
      i = end;
    }
    std::vector<double> separations;
    counts.separations.assign(20, 0);
    for (const MatchCandidate& match : matches_) {
      matched_.push_back(match.object);
      separations.push_back(match.separation_arcsec);
      ++counts.separations[std::min<std::size_t>(19, static_cast<std::size_t>(match.separation_arcsec / in_.o.radius_arcsec * 20.0))];
    }
    counts.median_separation_arcsec = median(separations);
  }

  /// The nearest spectroscopic object of each photometric one stays.
  void keep_once() {
    const auto is_same = [](const MatchCandidate& a, const MatchCandidate& b) { return a.row == b.row; };
    matches_.erase(std::unique(matches_.begin(), matches_.end(), is_same), matches_.end());
  }

  /// The product's own columns, and beside them what the cuts read: the catalogue's columns, and those of the product that
  /// the catalogue has none of that name of.
  void gather() {
    const ColumnInfo* const id = in_.id.empty() ? nullptr : &in_.catalogue.schema()[*find_column(in_.catalogue.schema(), in_.id)];
    own_ = Table(training_schema(in_.sample, id), matches_.size());
    all_ = Table(parts_.codec().schema, matches_.size());
    for (std::size_t begin = 0; begin < matches_.size();) {
      // Matches are in the order of the catalogue: each block's part is read once.
      const std::int64_t block = matches_[begin].row / match_block_rows;
      std::size_t end = begin + 1;
      while (end < matches_.size() && matches_[end].row / match_block_rows == block) ++end;
      fill(parts_.read(blocks_[static_cast<std::size_t>(block)]).rows, begin, end);
      begin = end;
    }
    std::vector<std::size_t> objects;
    for (const MatchCandidate& match : matches_) objects.push_back(match.object);
    for (const auto& [from, to] : spectroscopic) gather_rows(in_.sample.at(from), objects, own_.at(to));
    for (std::size_t c = 0; c < own_.columns(); ++c)
      if (!find_column(in_.catalogue.schema(), own_[c].info().name)) add_column(all_, own_[c]);
  }

  /// Matches [begin, end), which are of one block of the catalogue.
  void fill(const Table& wanted, std::size_t begin, std::size_t end) {
    std::vector<std::size_t> places;
    for (std::size_t i = begin; i < end; ++i) places.push_back(matches_[i].place);
    for (std::size_t c = 0; c < wanted.columns(); ++c) gather_rows(wanted[c], places, all_[c], begin);
    const Column &from_ra = wanted.at(in_.catalogue.layout().roles.ra), &from_dec = wanted.at(in_.catalogue.layout().roles.dec);
    if (!in_.id.empty()) gather_rows(wanted.at(in_.id), places, own_.at("id"), begin);
    const auto ra = own_.at("ra").values<double>(), dec = own_.at("dec").values<double>(),
               separation = own_.at("separation").values<double>();
    const auto key = own_.at(healpix_column).values<std::int64_t>();
    for (std::size_t i = begin; i < end; ++i) {
      const MatchCandidate& match = matches_[i];
      // Without a column of ids the row of the catalogue is one.
      if (in_.id.empty()) own_.at("id").values<std::int64_t>()[i] = match.row;
      ra[i] = from_ra.number(match.place);
      dec[i] = from_dec.number(match.place);
      separation[i] = match.separation_arcsec;
      key[i] = healpix29({ra[i], dec[i]});
    }
  }

  void cut() {
    std::vector<std::uint8_t> stays(matches_.size(), 1);
    for (const Cut& cut : in_.cuts.list()) {
      in_.cuts.apply(cut, all_, stays);
      if (!cut.condition && std::count(stays.begin(), stays.end(), 0) == 0)  // the table of stars, which comes first
        log_warning(fmt::format("{}: none of its {} ids of point sources is that of a match", in_.o.star_table,
                                grouped(static_cast<long long>(in_.cuts.stars()))));
      result_.counts.after_cut.push_back(std::count(stays.begin(), stays.end(), 1));
    }
    for (std::size_t i = 0; i < stays.size(); ++i)
      if (stays[i]) order_.push_back(i);
    if (order_.empty()) throw DataError(fmt::format("{}: none of {} matches passes the cuts", in_.o.spec, matches_.size()));
    const auto key = own_.at(healpix_column).values<std::int64_t>();
    // Matches are in the order of rows, then separations, which stays where the keys are the same.
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
  }

  /// Makes the product of the matches that stay.
  void finish() {
    Table product;
    product.resize(order_.size());
    const auto add = [&](const Column& from) { gather_rows(from, order_, product.add(from.info())); };
    const Schema own = own_.schema();
    for (std::size_t c = 0; c + 1 < own_.columns(); ++c) add(own_[c]);
    for (const std::string& name : passed_columns(in_, own)) add(all_.at(name));
    // The key comes last in every product.
    add(own_[own_.columns() - 1]);  // _healpix_29
    Photometry photometry;
    const std::vector<double> no_limits(in_.photometry.columns().magnitude.size(), std::numeric_limits<double>::quiet_NaN());
    BandColumns columns = in_.photometry.columns();
    columns.errors_are_limits = false;  // only what was detected counts
    gather_photometry(product, columns, in_.o.bands, no_limits, photometry);
    for (std::size_t i = 0; i < product.rows(); ++i) result_.training.add(photometry, i);
    result_.counts.by_survey = count_by_survey(in_.sample, matched_, product);
    result_.rows = std::move(product);
  }

  const TrainingInputs& in_;
  const MatchParts& parts_;
  std::vector<Parts::Piece> blocks_;     ///< of match_block_rows rows each
  std::vector<MatchCandidate> matches_;  ///< by row, then separation
  std::vector<std::size_t> matched_;     ///< spectroscopic objects with a match, before each photometric one is kept once
  Table own_;                            ///< columns of training_schema
  Table all_;                            ///< what the cuts read
  std::vector<std::size_t> order_;       ///< matches that stay, in the order of the product
  TrainingTable result_;
};

}  // namespace

Schema training_schema(const Table& sample, const ColumnInfo* id) {
  Schema schema;
  ColumnInfo id_info =
      id ? *id : ColumnInfo{"id", Type::i8, 1, "", "meta.record", "row of the photometric object in its catalogue, from 0"};
  id_info.name = "id";
  if (id) id_info.source = id->name;
  schema.push_back(id_info);
  schema.push_back({"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension of the photometric object (ICRS)"});
  schema.push_back({"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination of the photometric object (ICRS)"});
  schema.push_back({"separation", Type::f8, 1, "arcsec", "pos.angDistance", "from the spectroscopic object"});
  for (const auto& [from, to] : spectroscopic) {
    ColumnInfo info = sample.at(from).info();
    info.name = to;
    schema.push_back(info);
  }
  schema.push_back({healpix_column, Type::i8, 1, "", "pos.healpix", "nested HEALPix index at order 29"});
  return schema;
}

std::vector<std::string> passed_columns(const TrainingInputs& in, const Schema& schema) {
  std::vector<std::string> names;
  const BandColumns& columns = in.photometry.columns();
  for (const auto* list : {&columns.magnitude, &columns.error, &in.o.keep})
    for (const std::string& name : *list) {
      if (!find_column(in.photometry.schema(), name))
        throw UsageError(fmt::format("{}: no column '{}' (named by --keep)", in.o.catalogue.path, name));
      // What the set has anyway, under another name or this one, is not taken twice.
      if (name == in.id || name == in.catalogue.layout().roles.ra || name == in.catalogue.layout().roles.dec || name == healpix_column)
        continue;
      if (find_column(schema, name))
        throw UsageError(
            fmt::format("{}: its column {} goes into the training set, which has a column of that name", in.o.catalogue.path, name));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  return names;
}

TrainingTable make_training_set(const TrainingInputs& inputs, const MatchParts& parts) { return TrainingMaker(inputs, parts).make(); }

}  // namespace skyfold
