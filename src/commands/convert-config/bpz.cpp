// Configurations of BPZ (Benitez 2000): parameters in .pars, columns and calibration of the catalogue in .columns.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "conversion.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::convert {
namespace {

constexpr std::string_view handled_keys[] = {"COLUMNS",    "SPECTRA", "PRIOR",   "NTYPES",     "DZ",         "ZMIN",      "ZMAX",
                                             "MAG",        "FLUX_ZP", "INTERP",  "EXCLUDE",    "MADAU",      "ODDS",      "MIN_RMS",
                                             "CONVOLVE_P", "P_MIN",   "SED_DIR", "FILTER_DIR", "ZP_OFFSETS", "MIN_MAGERR"};

constexpr FixedKey fixed_keys[] = {
    {"OUTPUT", "*", "photoz --output names the product"},
    {"PROBS", "*", "photoz --pdf interp writes PDFs"},
    {"PROBS_LITE", "*", "photoz --pdf interp writes PDFs"},
    {"PROBS2", "no", "PDFs of each type are not written"},
    {"NEW_AB", "*", "model fluxes are computed for each model"},
    {"AB_DIR", "*", "model fluxes are kept in the model"},
    {"CHECK", "*", "templates plot and validate compare colours"},
    {"VERBOSE", "*", "what is printed is no part of a model"},
    {"PLOTS", "*", "templates plot draws"},
    {"INTERACTIVE", "*", "nothing is asked"},
    {"GET_Z", "yes", "photoz estimates redshifts"},
    {"ONLY_TYPE", "no", "redshifts are not fixed to those known"},
    {"Z_THR", "0", "probabilities beyond a redshift are not a column"},
    {"COLOR", "no", "fluxes are fitted, not colours"},
    {"PHOTO_ERRORS", "no", "limits hold min_rms, too"},
    {"N_PEAKS", "1 2", "photoz gives the best and the second solution"},
    {"MERGE_PEAKS", "no", "peaks stay apart"},
    {"DELTA_M_0", "0", "the prior's magnitude is not shifted"},
    {"ZC", "none", "priors of clusters are not there"},
    {"FC", "none", "priors of clusters are not there"},
    {"ADD_SPEC_PROB", "none", "redshifts known are not mixed in"},
    {"ADD_CONTINUOUS_PROB", "none", "other probabilities are not mixed in"},
    {"NMAX", "*", "photoz --where chooses objects"},
    {"WRITE_FLUX_COMP", "*", "compared fluxes are not written"},
    {"H5_CHUNK_SIZE", "*", "how products are cut is skyfold's own"},
    {"OUTPUT_CUT", "null none no", "photoz --where chooses objects"},
};

const std::map<std::string, std::string> priors = {
    {"hdfn_gen", "hdfn"}, {"hdfn", "hdfn"}, {"hdfn_SB", "hdfn"}, {"sva1_weights", "des-sva1"}, {"y1a1_test", "des-y1"}, {"flat", "none"},
    {"none", "none"},     {"NONE", "none"}, {"FLAT", "none"}};

/// A band of a .columns file.
struct Band {
  std::string filter, value, error;
  bool is_vega = false;
  double zp_error = 0.0, zp_offset = 0.0;
  std::size_t line = 0;
};

/// A .columns file: a line for each filter (columns of magnitude and error, AB or Vega, error and offset of the zero point), and lines of
/// one column: M_0, Z_S, ID, OTHER.
class Columns {
 public:
  Columns(const std::string& path, const Places& places) : path_(path), places_(places) {
    for (const WordLine& line : word_lines(read_file(path))) read(line);
    if (bands.empty()) throw DataError(path + ": no filters (a line is: filter, two columns, AB or Vega, zero point's error and offset)");
  }
  std::vector<Band> bands;
  std::map<std::string, std::pair<std::string, std::size_t>> others;  ///< column and line by M_0, Z_S, ...

 private:
  void read(const WordLine& line) {
    const auto& words = line.words;
    static const std::set<std::string> single = {"M_0", "Z_S", "ID", "OTHER", "X", "Y"};
    if (!seen_.insert(words[0]).second) throw DataError(fmt::format("{}, line {}: {} stands there twice", path_, line.line, words[0]));
    if (words.size() == 2 && single.contains(words[0])) {
      others[words[0]] = {words[0] == "OTHER" ? words[1] : column(words[1], line.line), line.line};
      return;
    }
    if (words.size() < 3 || words.size() > 6)
      throw DataError(fmt::format("{}, line {}: {} words (a filter has its name, two columns, AB or Vega, zero point's error and offset)",
                                  path_, line.line, words.size()));
    Band band{words[0], column(words[1], line.line), column(words[2], line.line), false, 0.0, 0.0, line.line};
    std::size_t at = 3;
    if (at < words.size() && !parse_double(words[at])) {
      const std::string system = lower(words[at++]);
      if (system != "ab" && system != "vega")
        throw DataError(fmt::format("{}, line {}: magnitudes of '{}' (AB or Vega)", path_, line.line, words[3]));
      band.is_vega = system == "vega";
    }
    for (double* value : {&band.zp_error, &band.zp_offset}) {
      if (at >= words.size()) break;
      const auto number = parse_double(words[at]);
      if (!number) throw DataError(fmt::format("{}, line {}: '{}' (must be a number of magnitudes)", path_, line.line, words[at]));
      *value = *number;
      ++at;
    }
    if (at < words.size()) throw DataError(fmt::format("{}, line {}: '{}' is one word too many", path_, line.line, words[at]));
    if (band.zp_error < 0.0)
      throw DataError(fmt::format("{}, line {}: zero point's error {} (must be >= 0)", path_, line.line, band.zp_error));
    bands.push_back(std::move(band));
  }

  /// A column by name, or by number where the catalogue's names are known.
  std::string column(const std::string& word, std::size_t line) const {
    const auto number = parse_integer(word);
    if (!number) return word;
    if (places_.columns.empty())
      throw UsageError(fmt::format("{}, line {}: column {} by number (--catalogue tells the names of columns)", path_, line, *number));
    if (*number < 1 || static_cast<std::size_t>(*number) > places_.columns.size())
      throw DataError(fmt::format("{}, line {}: column {} (the catalogue has {})", path_, line, *number, places_.columns.size()));
    return places_.columns[static_cast<std::size_t>(*number - 1)];
  }

  const std::string& path_;
  const Places& places_;
  std::set<std::string> seen_;
};

/// What is in .pars, or BPZ's default.
class BpzConversion {
 public:
  BpzConversion(const KeyFile* pars, const std::string& columns_path, const Places& places, Conversion& out)
      : pars_(pars), columns_path_(columns_path), places_(places), out_(out), columns_(columns_path, places) {}

  void run() {
    out_.set("algorithms", "bpz", "BPZ");
    out_.set("train.fraction", "1", "BPZ learns nothing from objects of known redshift");
    exclude();
    photometry();
    filters();
    templates();
    grid();
    prior();
    rest();
    if (pars_) answer_keys(*pars_, fixed_keys, handled_keys, out_);
  }

 private:
  const Entry* find(const char* key) const { return pars_ ? pars_->find(key) : nullptr; }
  std::string from(const char* key, const std::string& value) const {
    const Entry* entry = find(key);
    return entry ? pars_->at(*entry) : fmt::format("{} {}, BPZ's default", key, value);
  }
  double number(const char* key, double otherwise) const {
    const Entry* entry = find(key);
    return entry ? pars_->number(*entry) : otherwise;
  }
  bool is_yes(const char* key, bool otherwise) const {
    const Entry* entry = find(key);
    return entry ? pars_->is_yes(*entry) : otherwise;
  }
  void set_number(const char* option, const char* key, double otherwise) {
    out_.set_number(option, number(key, otherwise), from(key, shown(otherwise)));
  }

  /// Filters that are left out; offsets of ZP_OFFSETS come before, as they are one for each filter of the file.
  void exclude() {
    if (const Entry* entry = find("ZP_OFFSETS")) {
      if (entry->words.size() != 1 && entry->words.size() != columns_.bands.size())
        throw DataError(fmt::format("{}: {} values for the {} filters of {}", pars_->at(*entry), entry->words.size(), columns_.bands.size(),
                                    columns_path_));
      for (std::size_t i = 0; i < columns_.bands.size(); ++i)
        columns_.bands[i].zp_offset += pars_->number(*entry, entry->words.size() == 1 ? 0 : i);
    }
    const Entry* entry = find("EXCLUDE");
    if (!entry || lower(entry->words[0]) == "none") {
      if (entry) out_.answer(pars_->at(*entry), "all bands are used");
      return;
    }
    for (const std::string& name : entry->words)
      if (std::erase_if(columns_.bands, [&](const Band& band) { return band.filter == name; }) == 0)
        throw DataError(fmt::format("{}: {} has no filter {}", pars_->at(*entry), columns_path_, name));
    out_.answer(pars_->at(*entry), "these bands are not among `bands`");
    if (columns_.bands.empty()) throw DataError(pars_->at(*entry) + " leaves no band");
  }

  void photometry() {
    std::vector<std::string> values, errors;
    for (const Band& band : columns_.bands) {
      values.push_back(band.value);
      errors.push_back(band.error);
    }
    const Patterns patterns = patterns_of(values, errors, columns_path_);
    bands_ = patterns.bands;
    out_.set("bands", quoted_list(bands_), fmt::format("{}, columns of the filters", columns_path_));
    const bool is_magnitudes = is_yes("MAG", true);
    const std::string of_columns = columns_path_ + ", " + from("MAG", "yes");
    out_.set(is_magnitudes ? "bands.magnitude" : "bands.flux", quoted_value(patterns.value), of_columns);
    out_.set(is_magnitudes ? "bands.error" : "bands.flux_error", quoted_value(patterns.error), of_columns);
    if (is_magnitudes) {
      out_.set("bands.nondetection", "99", "99 is a non-detection to BPZ, its error the limiting magnitude");
      if (const Entry* entry = find("FLUX_ZP")) out_.answer(pars_->at(*entry), "of fluxes; the catalogue has magnitudes");
    } else {
      set_number("bands.flux_zeropoint", "FLUX_ZP", 30.0);
    }
    calibration();
    const auto role = [&](const char* name, const char* option) {
      const auto found = columns_.others.find(name);
      if (found == columns_.others.end()) return;
      // BPZ names columns of HDF5 with their group, skyfold without.
      const std::string column = found->second.first.substr(found->second.first.rfind('/') + 1);
      out_.set(option, quoted_value(column),
               fmt::format("{}, line {}: {} {}", columns_path_, found->second.second, name, found->second.first));
    };
    role("Z_S", "redshift");
    role("ID", "id");
    for (const char* name : {"OTHER", "X", "Y"})
      if (const auto found = columns_.others.find(name); found != columns_.others.end())
        out_.answer(fmt::format("{}, line {}: {} {}", columns_path_, found->second.second, name, found->second.first),
                    "products are joined with the catalogue by id, and keep positions");
  }

  void calibration() {
    std::vector<double> offsets, errors;
    for (std::size_t i = 0; i < columns_.bands.size(); ++i) {
      const Band& band = columns_.bands[i];
      double offset = band.zp_offset;
      if (band.is_vega) {
        if (places_.vega.size() != 1 && places_.vega.size() != columns_.bands.size())
          throw UsageError(
              fmt::format("{}, line {}: {} has magnitudes of Vega (--vega says what is added to make them AB: one number per band, "
                          "in mag; skyfold has no spectrum of Vega)",
                          columns_path_, band.line, band.filter));
        offset += places_.vega[places_.vega.size() == 1 ? 0 : i];
      }
      offsets.push_back(offset);
      errors.push_back(band.zp_error);
    }
    const Entry* more = find("ZP_OFFSETS");
    out_.set_numbers("bpz.zp_offset", offsets,
                     fmt::format("{}, zp_offset of each filter{}{}", columns_path_, more ? ", and " + pars_->at(*more) : "",
                                 places_.vega.empty() ? "" : ", and --vega"));
    out_.set_numbers("bpz.zp_error", errors, columns_path_ + ", zp_error of each filter");
  }

  std::vector<std::string> folders(const char* key, const std::string& given, const char* below) const {
    std::vector<std::string> folders = {given};
    if (const Entry* entry = find(key))
      folders.push_back((std::filesystem::path(folder_of(pars_->path())) / expanded(entry->words[0])).string());
    for (const char* variable : {"BPZPATH", "BPZDATAPATH"})
      if (const char* path = std::getenv(variable)) folders.push_back(std::string(path) + "/" + below);
    folders.push_back(folder_of(pars_ ? pars_->path() : columns_path_));
    return folders;
  }

  void filters() {
    std::vector<std::string> paths;
    for (const Band& band : columns_.bands)
      paths.push_back(find_file(band.filter.ends_with(".res") ? band.filter : band.filter + ".res",
                                folders("FILTER_DIR", places_.filters, "FILTER"), fmt::format("{}, line {}", columns_path_, band.line)));
    out_.set("bpz.filters", quoted_list(paths), fmt::format("{}, filters; BPZ counts photons, as here", columns_path_));
    if (const Entry* entry = find("FILTER_DIR")) out_.answer(pars_->at(*entry), "the filters were looked for there");
    if (const Entry* entry = find("COLUMNS")) out_.answer(pars_->at(*entry), "is read here");
  }

  void templates() {
    const Entry* entry = find("SPECTRA");
    const std::string name = entry ? entry->words[0] : "CWWSB4.list", at = from("SPECTRA", name);
    const std::string list = find_file(name, folders("SED_DIR", places_.seds, "SED"), at);
    std::vector<std::string> paths;
    for (const WordLine& line : word_lines(read_file(list)))
      paths.push_back(find_file(line.words[0], {folder_of(list), places_.seds}, fmt::format("{}, line {}", list, line.line)));
    if (paths.empty()) throw DataError(list + ": names no spectrum");
    n_templates_ = paths.size();
    out_.lists.push_back({"bpz.templates", "templates", paths, at});
    if (const Entry* folder = find("SED_DIR")) out_.answer(pars_->at(*folder), "the spectra were looked for there");
  }

  void grid() {
    set_number("bpz.zmin", "ZMIN", 0.01);
    set_number("bpz.zmax", "ZMAX", 10.0);
    out_.set("bpz.chi2", "reduced", "BPZ's CHI-SQUARED, over the number of filters less 1");
    set_number("bpz.dz", "DZ", 0.01);
    set_number("bpz.interpolate", "INTERP", 0.0);
    out_.set("bpz.igm", is_yes("MADAU", true) ? "madau" : "none", from("MADAU", "yes"));
  }

  void prior() {
    const Entry* entry = find("PRIOR");
    const std::string name = entry ? entry->words[0] : "hdfn_gen", at = from("PRIOR", name);
    const auto known = priors.find(name);
    std::string prior = known == priors.end() ? "none" : known->second;
    if (known == priors.end()) out_.refuse(at, "a prior that is not there; none is used (bpz.prior trained fits one)");
    const auto m_0 = columns_.others.find("M_0");
    if (prior != "none" && m_0 == columns_.others.end()) {
      out_.refuse(columns_path_ + ": no M_0", "a prior needs its magnitude; none is used");
      prior = "none";
    }
    if (prior != "none") {
      const auto band = std::ranges::find(columns_.bands, m_0->second.first, &Band::value);
      const std::string of_m_0 = fmt::format("{}, line {}: M_0 {}", columns_path_, m_0->second.second, m_0->second.first);
      if (band == columns_.bands.end()) {
        out_.refuse(of_m_0, "the prior's magnitude must be that of a band that is used; no prior is used");
        prior = "none";
      } else {
        out_.set("bpz.prior_band", quoted_value(bands_[static_cast<std::size_t>(band - columns_.bands.begin())]), of_m_0);
        types();
      }
    } else if (m_0 != columns_.others.end()) {
      out_.answer(fmt::format("{}, line {}: M_0 {}", columns_path_, m_0->second.second, m_0->second.first), "there is no prior");
    }
    out_.set("bpz.prior", prior, at);
  }

  void types() {
    const Entry* entry = find("NTYPES");
    double early = 1.0, spiral = 2.0;
    if (entry && lower(entry->words[0]) != "none") {
      if (entry->words.size() != 3) throw DataError(pars_->at(*entry) + " (three numbers of templates are needed)");
      early = pars_->number(*entry, 0);
      spiral = pars_->number(*entry, 1);
      if (early + spiral + pars_->number(*entry, 2) != static_cast<double>(n_templates_))
        throw DataError(fmt::format("{}: there are {} templates", pars_->at(*entry), n_templates_));
    }
    out_.set_numbers("bpz.prior_types", {early, spiral}, from("NTYPES", "1,2,rest"));
  }

  void rest() {
    out_.set_number("bpz.smoothing", is_yes("CONVOLVE_P", true) ? 0.03 : 0.0, from("CONVOLVE_P", "yes"));
    set_number("bpz.p_min", "P_MIN", 0.01);
    set_number("bpz.min_rms", "MIN_RMS", 0.05);
    set_number("bpz.min_magerr", "MIN_MAGERR", 0.001);
    set_number("bpz.odds", "ODDS", 0.95);
    if (const Entry* entry = find("NTYPES");
        entry && std::ranges::none_of(out_.settings(), [](const auto& s) { return s.option == "bpz.prior_types"; }))
      out_.answer(pars_->at(*entry), "there is no prior");
    if (const Entry* entry = find("ZP_OFFSETS")) out_.answer(pars_->at(*entry), "part of bpz.zp_offset");
  }

  const KeyFile* pars_;
  const std::string& columns_path_;
  const Places& places_;
  Conversion& out_;
  Columns columns_;
  std::vector<std::string> bands_;
  std::size_t n_templates_ = 0;
};

}  // namespace

void convert_bpz(const std::string& pars_path, std::string columns_path, const Places& places, Conversion& conversion) {
  std::optional<KeyFile> pars;
  if (!pars_path.empty()) pars.emplace(pars_path, read_file(pars_path));
  if (columns_path.empty()) {
    const Entry* entry = pars->find("COLUMNS");
    if (!entry) throw UsageError(pars_path + ": no COLUMNS (a .columns file tells bands and columns; give it, too)");
    columns_path = find_file(entry->words[0], {folder_of(pars_path), "."}, pars->at(*entry));
  }
  BpzConversion(pars ? &*pars : nullptr, columns_path, places, conversion).run();
}

}  // namespace skyfold::convert
