// Measurements of all surveys become one sample: those within a radius of each other are one object (friends of friends), and of
// each object one measurement is chosen, or the redshifts are averaged (kernels/samples/resolve has the rules).
#include "sample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

std::size_t longest_name(const std::vector<Survey>& surveys) {
  std::size_t width = 1;
  for (const Survey& survey : surveys) width = std::max(width, survey.name.size());
  return width;
}

/// Writes one of a few texts into cells of a column.
class TextWriter {
 public:
  TextWriter(Column& column, const std::vector<std::string>& texts)
      : width_(column.info().width), cells_(column.values<char>().data()), texts_(texts) {
    // Padded once: cells are then plain copies, a few million of them.
    for (std::string& text : texts_) text.resize(width_, '\0');
  }
  void put(std::size_t row, std::size_t text) const { std::copy_n(texts_[text].data(), width_, cells_ + row * width_); }

 private:
  std::size_t width_;
  char* cells_;
  std::vector<std::string> texts_;  ///< padded
};

std::vector<std::string> names_of(const std::vector<Survey>& surveys) {
  std::vector<std::string> names;
  for (const Survey& survey : surveys) names.push_back(survey.name);
  return names;
}

class SampleMaker {
 public:
  SampleMaker(const std::vector<Survey>& surveys, std::vector<SurveyRow> rows, const SampleOptions& o, int threads)
      : surveys_(surveys), rows_(std::move(rows)), o_(o), threads_(threads) {}

  Sample make(bool with_members) {
    sort_measurements();
    // Friends of friends: measurements nearer than the radius belong together, and so do those that a chain of them joins.
    group();
    // Groups know only which measurements belong together; which one stands for them is decided here.
    resolve();
    put_in_order();
    Sample sample;
    sample.objects = objects();
    for (const std::size_t g : order_) sample.survey.push_back(rows_[chosen_[g]].survey);
    if (with_members) sample.members = members();
    sample.report = report();
    return sample;
  }

 private:
  /// The order of the sky, so that all that follows goes through the memory once; then survey and row, so that the order
  /// in which they came does not matter.
  void sort_measurements() {
    keys_.resize(rows_.size());
    parallel_for(rows_.size(), 16384, threads_, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) keys_[i] = healpix29({rows_[i].ra, rows_[i].dec});
    });
    std::vector<std::size_t> order = stable_order(keys_);
    for (std::size_t i = 0; i < order.size();) {  // equal keys: very near each other, or the same place
      std::size_t end = i + 1;
      while (end < order.size() && keys_[order[end]] == keys_[order[i]]) ++end;
      if (end - i > 1)
        std::sort(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(end),
                  [&](std::size_t a, std::size_t b) { return comes_first(rows_[a], rows_[b]); });
      i = end;
    }
    std::vector<SurveyRow> sorted(rows_.size());
    std::vector<std::int64_t> keys(rows_.size());
    constexpr std::size_t ahead = 16;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i + ahead < order.size()) __builtin_prefetch(&rows_[order[i + ahead]]);  // else each row is waited for
      sorted[i] = rows_[order[i]];
      keys[i] = keys_[order[i]];
    }
    rows_.swap(sorted);
    keys_.swap(keys);
  }

  static bool comes_first(const SurveyRow& a, const SurveyRow& b) { return a.survey != b.survey ? a.survey < b.survey : a.row < b.row; }

  void group() {
    // The index wants positions side by side in memory, not between the other fields of a row.
    std::vector<double> ra(rows_.size()), dec(rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      ra[i] = rows_[i].ra;
      dec[i] = rows_[i].dec;
    }
    groups_ = friends_of_friends(ra, dec, o_.radius_arcsec, threads_);
  }

  void gather(std::size_t group, std::vector<RedshiftMeasurement>& out) const {
    out.clear();
    for (const std::uint32_t i : groups_.members(group)) {
      const SurveyRow& m = rows_[i];
      out.push_back({m.z, m.z_err, m.quality, static_cast<int>(surveys_[m.survey].year), static_cast<int>(m.survey), m.row, m.mjd});
    }
  }

  void resolve() {
    const bool averages = o_.resolve == "average";
    chosen_.resize(groups_.size());
    rules_.resize(groups_.size());
    if (averages) averages_.resize(groups_.size());
    // Groups do not touch each other's results: no order of threads changes anything.
    parallel_for(groups_.size(), 65536, threads_, [&](std::size_t begin, std::size_t end, int) {
      Resolver resolver;
      std::vector<RedshiftMeasurement> group;
      for (std::size_t g = begin; g < end; ++g) {
        const auto members = groups_.members(g);
        // Most objects were measured once: nothing is gathered or decided for them.
        chosen_[g] = members[0];
        if (members.size() > 1) {
          gather(g, group);
          const Choice choice = resolver.best(group);
          rules_[g] = choice.rule;
          chosen_[g] = members[choice.measurement];
        }
        if (!averages) continue;
        const SurveyRow& only = rows_[chosen_[g]];
        averages_[g] = members.size() > 1 ? resolver.average(group) : CombinedRedshift{only.z, only.z_err};
      }
    });
  }

  CombinedRedshift redshift_of(std::size_t g) const {
    return averages_.empty() ? CombinedRedshift{rows_[chosen_[g]].z, rows_[chosen_[g]].z_err} : averages_[g];
  }

  /// Groups are put in the order of what was chosen, which is that of the sky.
  void put_in_order() {
    const std::size_t n = groups_.size();
    std::vector<std::uint32_t> group_of(rows_.size(), no_group);
    for (std::size_t g = 0; g < n; ++g) group_of[chosen_[g]] = static_cast<std::uint32_t>(g);
    order_.reserve(n);
    ids_.reserve(n);
    // Two objects may share a HEALPix pixel of order 29 (0.4 mas): the second takes the next free number. Along the sky's order that
    // keeps ids rising, so they are unique and depend on the sample alone.
    std::int64_t last = -1;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (group_of[i] == no_group) continue;
      order_.push_back(group_of[i]);
      ids_.push_back(last = std::max(keys_[i], last + 1));  // unique in any case
    }
  }

  ObjectClass class_of(std::size_t g, double redshift) const {
    // The class goes with the measurement that was chosen; its redshift decides only where the survey says nothing.
    const ObjectClass own = rows_[chosen_[g]].object_class;
    if (own != ObjectClass::unknown) return own;
    return redshift < o_.z_star ? ObjectClass::star : ObjectClass::galaxy;
  }

  Table objects() const {
    Table table(
        {{"id", Type::i8, 1, "", "meta.id;meta.main", "id of the object: nested HEALPix index of its position at order 29"},
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
    const auto id = table[0].values<std::int64_t>(), group_id = table[9].values<std::int64_t>();
    const auto ra = table[1].values<double>(), dec = table[2].values<double>(), z = table[3].values<double>();
    const auto z_err = table[4].values<float>();
    const auto quality = table[5].values<std::int32_t>(), size = table[8].values<std::int32_t>();
    const TextWriter survey(table[6], names_of(surveys_)), object_class(table[7], class_names());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const std::size_t g = order_[i];
      const SurveyRow& chosen = rows_[chosen_[g]];
      id[i] = ids_[i];
      ra[i] = chosen.ra;
      dec[i] = chosen.dec;
      const CombinedRedshift redshift = redshift_of(g);
      z[i] = redshift.z;
      z_err[i] = static_cast<float>(redshift.z_err);
      quality[i] = chosen.quality;
      survey.put(i, chosen.survey);
      object_class.put(i, static_cast<std::size_t>(class_of(g, redshift.z)));
      size[i] = static_cast<std::int32_t>(groups_.members(g).size());
      group_id[i] = static_cast<std::int64_t>(i);
    }
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
                rows_.size());
    const TextWriter survey(table[1], names_of(surveys_));
    std::size_t at = 0;
    for (std::size_t i = 0; i < order_.size(); ++i)
      // In the order of the sample, so that the members of an object are found by one range of rows.
      for (const std::uint32_t m : groups_.members(order_[i])) {
        const SurveyRow& row = rows_[m];
        table[0].values<std::int64_t>()[at] = static_cast<std::int64_t>(i);
        survey.put(at, row.survey);
        table[2].values<std::int64_t>()[at] = row.row;
        const double numbers[] = {row.ra, row.dec, row.z, row.z_err};
        for (std::size_t c = 0; c < 4; ++c) table[3 + c].values<double>()[at] = numbers[c];
        table[7].values<std::int32_t>()[at] = row.quality;
        table[8].values<std::uint8_t>()[at++] = m == chosen_[order_[i]];
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
    report.measurements = std::ssize(rows_);
    report.objects = std::ssize(order_);
    report.by_survey.resize(surveys_.size());
    std::vector<RedshiftMeasurement> group;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const std::size_t g = order_[i], size = groups_.members(g).size();
      // An object counts for the survey whose measurement was chosen, though others measured it, too.
      count(redshift_of(g).z, report.by_survey[rows_[chosen_[g]].survey]);
      ++report.by_rule[static_cast<std::size_t>(rules_[g])];
      if (size == 1) continue;
      ++report.groups;
      report.largest = std::max(report.largest, static_cast<std::int64_t>(size));
      // Friends of friends may be farther apart than the radius: a chain, where crowding or a wide radius joins two objects.
      report.chained += !groups_.is_clique(g);
      gather(g, group);
      const double discrepancy = Resolver::discrepancy(group);
      // NaN, where nothing can be compared, is no discrepancy.
      if (!(discrepancy > o_.discrepant)) continue;
      const auto [low, high] = std::ranges::minmax_element(group, {}, &RedshiftMeasurement::z);
      report.discrepant.push_back({rows_[chosen_[g]].ra, rows_[chosen_[g]].dec, ids_[i], size, low->z, high->z, discrepancy});
    }
    return report;
  }

  static constexpr std::uint32_t no_group = std::numeric_limits<std::uint32_t>::max();

  const std::vector<Survey>& surveys_;
  std::vector<SurveyRow> rows_;  ///< all measurements, in the order of the sky
  const SampleOptions& o_;
  int threads_;
  std::vector<std::int64_t> keys_;  ///< of the measurements: HEALPix at order 29
  SkyGroups groups_;
  std::vector<std::uint32_t> chosen_;       ///< by group: the measurement that stands for it
  std::vector<CombinedRedshift> averages_;  ///< by group, where they are wanted
  std::vector<ChoiceRule> rules_;           ///< by group
  std::vector<std::uint32_t> order_;        ///< groups, in the order of the sample
  std::vector<std::int64_t> ids_;           ///< in that order
};

}  // namespace

void describe(OptionSet& option, SampleOptions& o) {
  option("spec.radius", o.radius_arcsec, "measurements within this of each other are of one object").unit("arcsec").range(1e-6, 3600.0);
  option("spec.quality_min", o.quality_min, "smallest quality used").range(0, 4);
  option("spec.resolve", o.resolve, "what stands for several measurements: the best one, or the average of their redshifts")
      .one_of({"best", "average"});
  option("spec.discrepant", o.discrepant, "groups with max |dz|/(1+z) above this are reported").range(0.0, 100.0);
  option("spec.z_star", o.z_star, "objects without class below this redshift are stars").range(-1.0, 1.0);
}

Sample make_sample(const std::vector<Survey>& surveys, std::vector<SurveyRow> rows, const SampleOptions& o, bool with_members,
                   int threads) {
  return SampleMaker(surveys, std::move(rows), o, threads).make(with_members);
}

}  // namespace skyfold
