#include "spec_sample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

/// A measurement's survey and its place among the accepted rows of it.
struct Origin {
  std::uint32_t survey = 0, place = 0;
};

/// What stands for a group.
struct Resolved {
  std::uint32_t chosen = 0;   ///< measurement, among all
  double z = 0.0, z_err = 0.0;
};

std::size_t longest_name(const std::vector<Survey>& surveys) {
  std::size_t width = 1;
  for (const Survey& survey : surveys) width = std::max(width, survey.name.size());
  return width;
}

void put_text(Column& column, std::size_t row, std::string_view text) {
  char* const cell = column.values<char>().data() + row * column.info().width;
  std::fill_n(cell, column.info().width, '\0');
  std::copy(text.begin(), text.end(), cell);
}

class SampleMaker {
 public:
  SampleMaker(const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const SampleOptions& o, int threads)
      : surveys_(surveys), rows_(rows), o_(o), threads_(threads) {
    std::size_t n = 0;
    for (const SurveyRows& survey : rows) n += survey.size();
    ra_.reserve(n);
    dec_.reserve(n);
    origin_.reserve(n);
    for (std::size_t s = 0; s < rows.size(); ++s) {
      ra_.insert(ra_.end(), rows[s].ra.begin(), rows[s].ra.end());
      dec_.insert(dec_.end(), rows[s].dec.begin(), rows[s].dec.end());
      for (std::size_t i = 0; i < rows[s].size(); ++i) origin_.push_back({static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(i)});
    }
  }

  Sample make(bool with_members) {
    groups_ = friends_of_friends(ra_, dec_, o_.radius_arcsec, threads_);
    resolve();
    put_in_order();
    Sample sample;
    sample.objects = objects();
    if (with_members) sample.members = members();
    sample.report = report();
    return sample;
  }

 private:
  /// Measurements of a group.
  void gather(std::size_t group, std::vector<Measurement>& out) const {
    out.clear();
    for (const std::uint32_t i : groups_.members(group)) {
      const auto [s, k] = origin_[i];
      const SurveyRows& rows = rows_[s];
      out.push_back({rows.z[k], rows.z_err[k], rows.quality[k], static_cast<int>(surveys_[s].year), static_cast<int>(s), rows.row[k]});
    }
  }

  void resolve() {
    resolved_.resize(groups_.size());
    rules_.resize(groups_.size());
    parallel_for(groups_.size(), 65536, threads_, [&](std::size_t begin, std::size_t end, int) {
      Resolver resolver;
      std::vector<Measurement> group;
      for (std::size_t g = begin; g < end; ++g) {
        const auto members = groups_.members(g);
        const auto [s, k] = origin_[members[0]];
        resolved_[g] = {members[0], rows_[s].z[k], rows_[s].z_err[k]};
        if (members.size() == 1) continue;
        gather(g, group);
        const Choice choice = resolver.best(group);
        rules_[g] = choice.rule;
        resolved_[g] = {members[choice.measurement], group[choice.measurement].z, group[choice.measurement].z_err};
        if (o_.resolve != "average") continue;
        const CombinedRedshift combined = resolver.average(group);
        resolved_[g].z = combined.z;
        resolved_[g].z_err = combined.z_err;
      }
    });
  }

  /// The order of the sky; measurements are in the order of surveys and rows, so that sorting them stably is enough.
  void put_in_order() {
    const std::size_t n = groups_.size();
    std::vector<std::int64_t> keys(n), chosen(n);
    parallel_for(n, 16384, threads_, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t g = begin; g < end; ++g) keys[g] = healpix29({ra_[resolved_[g].chosen], dec_[resolved_[g].chosen]});
    });
    order_ = stable_order(keys);
    for (std::size_t i = 0; i < n;) {  // equal keys, which are rare: by the measurement that was chosen
      std::size_t end = i + 1;
      while (end < n && keys[order_[end]] == keys[order_[i]]) ++end;
      std::sort(order_.begin() + static_cast<std::ptrdiff_t>(i), order_.begin() + static_cast<std::ptrdiff_t>(end),
                [&](std::size_t a, std::size_t b) { return resolved_[a].chosen < resolved_[b].chosen; });
      i = end;
    }
    ids_.resize(n);
    std::int64_t last = -1;
    for (std::size_t i = 0; i < n; ++i) ids_[i] = last = std::max(keys[order_[i]], last + 1);  // unique in any case
  }

  ObjectClass class_of(std::size_t g) const {
    const auto [s, k] = origin_[resolved_[g].chosen];
    const ObjectClass own = rows_[s].object_class[k];
    if (own != ObjectClass::unknown) return own;
    return resolved_[g].z < o_.z_star ? ObjectClass::star : ObjectClass::galaxy;
  }

  Table objects() const {
    Table table({{"id", Type::i8, 1, "", "meta.id;meta.main", "id of the object: nested HEALPix index of its position at order 29"},
                 {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension of the measurement that was chosen (ICRS)"},
                 {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination of the measurement that was chosen (ICRS)"},
                 {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift"},
                 {"z_err", Type::f4, 1, "", "stat.error;src.redshift", "standard deviation of the redshift; NaN where not known"},
                 {"quality", Type::i4, 1, "", "meta.code.qual", "quality of the redshift, 0 to 4 (4: trusted)"},
                 {"survey", Type::text, longest_name(surveys_), "", "meta.id", "survey of the measurement that was chosen"},
                 {"class", Type::text, 6, "", "src.class", "galaxy, star or qso"},
                 {"group_size", Type::i4, 1, "", "meta.number", "measurements of the object"},
                 {"group_id", Type::i8, 1, "", "meta.id", "number of the object in this sample, from 0; the one in its table of measurements"}},
                order_.size());
    parallel_for(order_.size(), 16384, threads_, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t g = order_[i];
        const auto [s, k] = origin_[resolved_[g].chosen];
        table[0].values<std::int64_t>()[i] = ids_[i];
        table[1].values<double>()[i] = rows_[s].ra[k];
        table[2].values<double>()[i] = rows_[s].dec[k];
        table[3].values<double>()[i] = resolved_[g].z;
        table[4].values<float>()[i] = static_cast<float>(resolved_[g].z_err);
        table[5].values<std::int32_t>()[i] = rows_[s].quality[k];
        put_text(table[6], i, surveys_[s].name);
        put_text(table[7], i, class_names()[static_cast<std::size_t>(class_of(g))]);
        table[8].values<std::int32_t>()[i] = static_cast<std::int32_t>(groups_.members(g).size());
        table[9].values<std::int64_t>()[i] = static_cast<std::int64_t>(i);
      }
    });
    return table;
  }

  Table members() const {
    Table table({{"group_id", Type::i8, 1, "", "meta.id", "number of the object in the sample"},
                 {"survey", Type::text, longest_name(surveys_), "", "meta.id", "survey of the measurement"},
                 {"row", Type::i8, 1, "", "meta.record", "row in the survey's tables, one after the other, from 0"},
                 {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension (ICRS)"},
                 {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination (ICRS)"},
                 {"z", Type::f8, 1, "", "src.redshift", "redshift"},
                 {"z_err", Type::f8, 1, "", "stat.error;src.redshift", "standard deviation of the redshift; NaN where not known"},
                 {"quality", Type::i4, 1, "", "meta.code.qual", "quality of the redshift, 0 to 4"},
                 {"chosen", Type::u1, 1, "", "meta.code", "1: stands for the object"}},
                origin_.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < order_.size(); ++i)
      for (const std::uint32_t m : groups_.members(order_[i])) {
        const auto [s, k] = origin_[m];
        table[0].values<std::int64_t>()[at] = static_cast<std::int64_t>(i);
        put_text(table[1], at, surveys_[s].name);
        table[2].values<std::int64_t>()[at] = rows_[s].row[k];
        const double numbers[] = {rows_[s].ra[k], rows_[s].dec[k], rows_[s].z[k], rows_[s].z_err[k]};
        for (std::size_t c = 0; c < 4; ++c) table[3 + c].values<double>()[at] = numbers[c];
        table[7].values<std::int32_t>()[at] = rows_[s].quality[k];
        table[8].values<std::uint8_t>()[at++] = m == resolved_[order_[i]].chosen;
      }
    return table;
  }

  static void count(double z, SurveyShare& share) {
    share.z_min = share.objects == 0 ? z : std::min(share.z_min, z);
    share.z_max = share.objects == 0 ? z : std::max(share.z_max, z);
    share.z_sum += z;
    ++share.objects;
  }

  SampleReport report() const {
    SampleReport report;
    report.measurements = std::ssize(origin_);
    report.objects = std::ssize(order_);
    report.by_survey.resize(surveys_.size());
    std::vector<Measurement> group;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const std::size_t g = order_[i], size = groups_.members(g).size();
      count(resolved_[g].z, report.by_survey[origin_[resolved_[g].chosen].survey]);
      ++report.by_rule[static_cast<std::size_t>(rules_[g])];
      if (size == 1) continue;
      ++report.groups;
      report.largest = std::max(report.largest, static_cast<std::int64_t>(size));
      report.chained += !groups_.is_clique(g);
      gather(g, group);
      const double discrepancy = Resolver::discrepancy(group);
      if (!(discrepancy > o_.discrepant)) continue;
      const auto [low, high] = std::minmax_element(group.begin(), group.end(), [](const Measurement& a, const Measurement& b) { return a.z < b.z; });
      report.discrepant.push_back({ra_[resolved_[g].chosen], dec_[resolved_[g].chosen], ids_[i], size, low->z, high->z, discrepancy});
    }
    return report;
  }

  const std::vector<Survey>& surveys_;
  const std::vector<SurveyRows>& rows_;
  const SampleOptions& o_;
  int threads_;
  std::vector<double> ra_, dec_;             ///< of all measurements, survey by survey
  std::vector<Origin> origin_;
  SkyGroups groups_;
  std::vector<Resolved> resolved_;           ///< by group
  std::vector<ChoiceRule> rules_;            ///< by group
  std::vector<std::size_t> order_;           ///< groups, in the order of the sample
  std::vector<std::int64_t> ids_;            ///< in that order
};

}  // namespace

void describe(OptionSet& option, SampleOptions& o) {
  option("spec.radius", o.radius_arcsec, "measurements within this of each other are of one object").unit("arcsec").range(1e-6, 3600.0);
  option("spec.quality_min", o.quality_min, "smallest quality used").range(0, 4);
  option("spec.resolve", o.resolve, "what stands for several measurements: the best one, or the average of their redshifts").one_of({"best", "average"});
  option("spec.discrepant", o.discrepant, "groups with max |dz|/(1+z) above this are reported").range(0.0, 100.0);
  option("spec.z_star", o.z_star, "objects without class below this redshift are stars").range(-1.0, 1.0);
}

Sample make_sample(const std::vector<Survey>& surveys, const std::vector<SurveyRows>& rows, const SampleOptions& o, bool with_members, int threads) {
  return SampleMaker(surveys, rows, o, threads).make(with_members);
}

}  // namespace skyfold
