// Configurations of LePhare (Arnouts 2002, Ilbert 2006): one file of keys for all its programs.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "conversion.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::convert {
namespace {

constexpr std::string_view handled_keys[] = {
    "FILTER_REP", "FILTER_LIST", "TRANS_TYPE",    "GAL_SED",        "QSO_SED",    "STAR_SED",  "EXTINC_LAW",  "EB_V",     "MOD_EXTINC",
    "Z_STEP",     "EM_LINES",    "EM_DISPERSION", "INP_TYPE",       "CAT_MAG",    "ERR_SCALE", "ERR_FACTOR",  "MAG_ABS",  "MAG_REF",
    "NZ_PRIOR",   "MABS_METHOD", "MABS_REF",      "APPLY_SYSSHIFT", "AUTO_ADAPT", "PDZ_TYPE",  "MAG_ABS_QSO", "Z_INTERP", "COSMOLOGY"};

constexpr const char* libraries = "libraries are computed for each model, and kept in it";
constexpr const char* infrared = "fits of the far infrared are not there";
constexpr const char* absolute = "how absolute magnitudes are derived cannot be chosen";
constexpr const char* limits = "the greatest redshift of a sample is not computed";
constexpr const char* physical = "ages, masses and star formation are not fitted";
constexpr FixedKey fixed_keys[] = {
    {"FILTER_CALIB", "0", "calibrations other than f_nu = constant are not there"},
    {"FILTER_FILE", "*", libraries},
    {"GAL_LIB", "*", libraries},
    {"QSO_LIB", "*", libraries},
    {"STAR_LIB", "*", libraries},
    {"GAL_LIB_IN", "*", libraries},
    {"QSO_LIB_IN", "*", libraries},
    {"STAR_LIB_IN", "*", libraries},
    {"GAL_LIB_OUT", "*", libraries},
    {"QSO_LIB_OUT", "*", libraries},
    {"STAR_LIB_OUT", "*", libraries},
    {"LIB_ASCII", "*", libraries},
    {"ZPHOTLIB", "*", "the lists of spectra tell which libraries there are"},
    {"GAL_FSCALE", "*", "the scale of a spectrum is fitted"},
    {"QSO_FSCALE", "*", "the scale of a spectrum is fitted"},
    {"STAR_FSCALE", "*", "the scale of a spectrum is fitted"},
    {"SEL_AGE", "none", physical},
    {"AGE_RANGE", "*", "of spectra that have ages; those of lists are used as they are"},
    {"MASS_SCALE", "0 0,0 0.,0.", physical},
    {"MAGTYPE", "AB", "libraries are AB"},
    {"ZGRID_TYPE", "0", "steps that grow with 1 + z are not there"},
    {"ADD_DUSTEM", "NO", "emission of dust is not added"},
    {"CAT_IN", "*", "photoz --catalogue names the catalogue"},
    {"CAT_OUT", "*", "photoz --output names the product"},
    {"CAT_TYPE", "*", "columns are named, not counted"},
    {"CAT_FMT", "*", "columns are named, not counted"},
    {"CAT_LINES", "*", "photoz --where chooses objects"},
    {"PARA_OUT", "*", "photoz --columns chooses columns"},
    {"GLB_CONTEXT", "0 -1", "bands are chosen by `bands`"},
    {"FORB_CONTEXT", "0 -1", "bands are chosen by `bands`"},
    {"BD_SCALE", "0", "all bands scale a model"},
    {"ADD_EMLINES", "*", "lines are added to all galaxies, or none"},
    {"EBV_RANGE", "0,9", "choose by EB_V"},
    {"Z_RANGE", "0,99 0.,99. 0.,99.99 0,99.99", "choose by Z_STEP"},
    {"ZFIX", "NO", "redshifts are not fixed to those known"},
    {"EXTERNALZ_FILE", "NONE", "redshifts are not fixed to those known"},
    {"Z_METHOD", "BEST", absolute},
    {"RM_DISCREPANT_BD", "*", "bands are never left out because they fit badly"},
    {"RM_DISCREPENT_BD", "*", "bands are never left out because they fit badly"},
    {"DZ_WIN", "*", "the second solution has rules of its own"},
    {"MIN_THRES", "*", "the second solution has rules of its own"},
    {"SPEC_OUT", "NO", "spectra are not written"},
    {"CHI2_OUT", "NO", "chi-squares of all models are not written"},
    {"PDZ_OUT", "*", "photoz --pdf interp writes PDFs"},
    {"PROB_INTZ", "*", "PDFs tell the probability of any interval"},
    {"PDZ_MABS_FILT", "none", absolute},
    {"FIR_LIB", "NONE", infrared},
    {"FIR_LMIN", "*", infrared},
    {"FIR_CONT", "-1", infrared},
    {"FIR_SCALE", "-1", infrared},
    {"FIR_FREESCALE", "*", infrared},
    {"FIR_SUBSTELLAR", "NO", infrared},
    {"MABS_CONTEXT", "0 -1", absolute},
    {"MABS_FILT", "*", "of MABS_METHOD 4"},
    {"MABS_ZBIN", "*", "of MABS_METHOD 4"},
    {"RF_COLORS", "none", absolute},
    {"ADDITIONAL_MAG", "none", absolute},
    {"LIMITS_ZBIN", "*", limits},
    {"LIMITS_MAPP_REF", "*", limits},
    {"LIMITS_MAPP_SEL", "*", limits},
    {"LIMITS_MAPP_CUT", "*", limits},
    {"ADAPT_BAND", "*", "of AUTO_ADAPT"},
    {"ADAPT_LIM", "*", "cuts.mag_min and cuts.mag_max choose the sample"},
    {"ADAPT_CONTEXT", "*", "of AUTO_ADAPT"},
    {"ADAPT_ZBIN", "*", "cuts.z_min and cuts.z_max choose the sample"},
    {"ADAPT_MODBIN", "*", "of AUTO_ADAPT"},
    {"VERBOSE", "*", "what is printed is no part of a model"},
};

class LephareConversion {
 public:
  LephareConversion(const std::string& path, const Places& places, Conversion& out)
      : para_(path, read_file(path)), places_(places), out_(out) {}

  void run() {
    out_.set("algorithms", "lephare", "LePhare");
    out_.set("train.fraction", "1", "all objects of known redshift are used, where any are");
    filters();
    galaxies();
    photometry();
    grid();
    answer_keys(para_, fixed_keys, handled_keys, out_);
  }

 private:
  const Entry& needed(const char* key) const {
    const Entry* entry = para_.find(key);
    if (!entry) throw DataError(fmt::format("{}: no {}", para_.path(), key));
    return *entry;
  }
  std::vector<std::string> folders(const std::string& given, const char* below) const {
    std::vector<std::string> folders = {given, folder_of(para_.path())};
    for (const char* variable : {"LEPHAREDIR", "LEPHAREWORK"})
      if (const char* path = std::getenv(variable)) {
        folders.emplace_back(path);
        folders.push_back(std::string(path) + "/" + below);
      }
    return folders;
  }
  std::string path_of(const Entry& entry, const std::string& word) const {
    const std::string path = expanded(word);
    if (path.empty()) throw UsageError(fmt::format("{}: the environment has no {}", para_.at(entry), word.substr(0, word.find('/'))));
    return path;
  }

  void filters() {
    const Entry& list = needed("FILTER_LIST");
    std::vector<std::string> where = folders(places_.filters, "filt");
    if (const Entry* folder = para_.find("FILTER_REP")) {
      // The folder that the user names goes before one that this machine may not have.
      if (const std::string path = expanded(folder->words[0]); !path.empty())
        where.insert(where.begin() + 1, path);
      else if (places_.filters.empty())
        static_cast<void>(path_of(*folder, folder->words[0]));
      out_.answer(para_.at(*folder), "the filters were looked for there");
    }
    const Entry* type = para_.find("TRANS_TYPE");
    if (type && type->words.size() != 1 && type->words.size() != list.words.size())
      throw DataError(fmt::format("{}: {} values for {} filters", para_.at(*type), type->words.size(), list.words.size()));
    std::vector<std::string> names;
    for (std::size_t i = 0; i < list.words.size(); ++i) {
      const double kind = type ? para_.number(*type, type->words.size() == 1 ? 0 : i) : 0.0;
      if (kind != 0.0 && kind != 1.0) throw DataError(para_.at(*type) + " (must be 0, energy, or 1, photons)");
      names.push_back(find_file(list.words[i], where, para_.at(list)) + (kind == 0.0 ? ":energy" : ""));
    }
    out_.set("lephare.filters", quoted_list(names),
             fmt::format("{}; {}", para_.at(list), type ? para_.at(*type) : "TRANS_TYPE 0, LePhare's default"));
    bands(list);
  }

  void bands(const Entry& list) {
    std::vector<std::string> bands = places_.bands;
    if (!bands.empty() && bands.size() != list.words.size())
      throw UsageError(fmt::format("--bands: {} names for the {} filters of {}", bands.size(), list.words.size(), para_.at(list)));
    const bool is_named = !bands.empty();
    if (!is_named)
      for (const std::string& name : list.words) bands.push_back(std::filesystem::path(name).stem().string());
    n_bands_ = bands.size();
    bands_ = bands;
    out_.set("bands", quoted_list(bands),
             is_named ? "--bands" : "names of the filters' files; --bands gives others, as in the catalogue's columns");
  }

  /// Paths of a list of spectra: they are in the folder of the list, or in one above it, or in LePhare's folders.
  std::vector<std::string> spectra(const Entry& entry, const char* kind) const {
    const std::string list = find_file(path_of(entry, entry.words[0]), folders(places_.seds, "sed"), para_.at(entry));
    std::vector<std::string> where = {folder_of(list), folder_of(list) + "/..", places_.seds};
    for (const std::string& folder : folders("", kind)) where.push_back(folder);
    std::vector<std::string> paths;
    for (const WordLine& line : word_lines(read_file(list)))
      paths.push_back(find_file(line.words[0], where, fmt::format("{}, line {}", list, line.line)));
    if (paths.empty()) throw DataError(list + ": names no spectrum");
    return paths;
  }

  void galaxies() {
    const Entry& list = needed("GAL_SED");
    const std::vector<std::string> paths = spectra(list, "sed/GAL");
    out_.lists.push_back({"lephare.templates", "templates", paths, para_.at(list)});
    others("QSO_SED", "lephare.qso", "qso", "sed/QSO");
    others("STAR_SED", "lephare.stars", "stars", "sed/STAR");
    dust(paths.size());
    lines();
  }

  /// A library that the file does not name is not there; what is built in would be another.
  void others(const char* key, const char* option, const char* word, const char* folder) {
    const Entry* entry = para_.find(key);
    if (!entry || upper(entry->words[0]) == "NONE")
      out_.set(option, "none", entry ? para_.at(*entry) : fmt::format("{}: no {}", para_.path(), key));
    else
      out_.lists.push_back({option, word, spectra(*entry, folder), para_.at(*entry)});
  }

  /// Dust is that of the models of MOD_EXTINC, two numbers for each law; 0,0 are none.
  void dust(std::size_t templates) {
    const Entry *ebv = para_.find("EB_V"), *laws = para_.find("EXTINC_LAW"), *models = para_.find("MOD_EXTINC");
    std::vector<double> amounts;
    for (std::size_t i = 0; ebv && i < ebv->words.size(); ++i)
      if (const double amount = para_.number(*ebv, i); amount != 0.0) amounts.push_back(amount);
    const std::size_t n_laws = laws ? laws->words.size() : 1;
    if (models && models->words.size() != 2 * n_laws)
      throw DataError(
          fmt::format("{}: {} values for {} laws (first and last model of each)", para_.at(*models), models->words.size(), n_laws));
    std::vector<double> range;
    for (std::size_t i = 0; models && i < models->words.size(); ++i) range.push_back(para_.number(*models, i));
    if (amounts.empty() || std::ranges::all_of(range, [](double model) { return model == 0.0; })) {
      for (const Entry* entry : {ebv, laws, models})
        if (entry) out_.answer(para_.at(*entry), "no model has dust");
      return;
    }
    std::vector<std::string> names;
    std::vector<double> used;
    for (std::size_t i = 0; i < n_laws; ++i) {
      // LePhare counts beyond its models where all are meant.
      const double first = std::max(range[2 * i], 1.0), last = std::min(range[2 * i + 1], static_cast<double>(templates));
      if (first > last) continue;
      const std::string name = law(laws ? laws->words[i] : "calzetti.dat");
      if (name.empty()) {
        out_.refuse(para_.at(*laws), "of " + laws->words[i] + " no formula is there (Calzetti's without bump, SMC's and the Galaxy's are)");
        continue;
      }
      names.push_back(name);
      used.insert(used.end(), {first, last});
    }
    if (names.empty()) return out_.refuse(para_.at(*ebv), "no model has dust");
    out_.set_numbers("lephare.ebv", amounts, para_.at(*ebv) + "; none is always there");
    out_.set("lephare.dust", join(names, ","), laws ? para_.at(*laws) : "EXTINC_LAW calzetti.dat, LePhare's default");
    out_.set_numbers("lephare.dust_templates", used, para_.at(*models));
  }

  static std::string law(const std::string& file) {
    const std::string name = lower(file);
    if (name.find("smc") != std::string::npos || name.find("prevot") != std::string::npos) return "smc";
    if (name == "sb_calzetti.dat" || name == "calzetti.dat") return "calzetti";
    return name.starts_with("mw") ? "galactic" : "";
  }

  void lines() {
    const Entry *kind = para_.find("EM_LINES"), *factors = para_.find("EM_DISPERSION");
    const std::string name = kind ? upper(kind->words[0]) : "NO";
    const bool has_lines = name == "EMP_UV" || name == "YES";
    out_.set("lephare.lines", has_lines ? "empirical" : "none", kind ? para_.at(*kind) : "EM_LINES NO, LePhare's default");
    if (!has_lines && name != "NO") out_.refuse(para_.at(*kind), "lines are scaled by the ultraviolet (EMP_UV) alone; there are none");
    if (!factors) return;
    if (has_lines)
      out_.set("lephare.line_factors", factors->value, para_.at(*factors));
    else
      out_.answer(para_.at(*factors), "there are no lines");
  }

  void photometry() {
    if (const Entry* entry = para_.find("INP_TYPE")) {
      const std::string kind = upper(entry->words[0]);
      if (kind != "F" && kind != "M") throw DataError(para_.at(*entry) + " (must be F or M)");
      out_.answer(para_.at(*entry),
                  kind == "F" ? "bands.flux, bands.flux_error name columns; LePhare's fluxes are erg/s/cm2/Hz: bands.flux_zeropoint = -48.6"
                              : "bands.magnitude, bands.error name columns");
      if (kind == "F") out_.set_number("bands.flux_zeropoint", -48.6, para_.at(*entry));
    }
    const Entry* system = para_.find("CAT_MAG");
    if (system && upper(system->words[0]) != "AB" && places_.vega.empty())
      throw UsageError(para_.at(*system) +
                       " (--vega says what is added to make magnitudes AB: one number per band, in mag; skyfold has no spectrum of Vega)");
    shifts(system);
    if (const Entry* entry = para_.find("ERR_SCALE")) out_.set("lephare.err_scale", entry->value, para_.at(*entry));
    out_.set("lephare.template_error", "0", "LePhare knows no such error");
    if (const Entry* entry = para_.find("ERR_FACTOR")) out_.set("lephare.err_factor", entry->value, para_.at(*entry));
  }

  /// LePhare takes its shifts off the observed magnitudes.
  void shifts(const Entry* system) {
    const Entry* entry = para_.find("APPLY_SYSSHIFT");
    std::vector<double> offsets(n_bands_, 0.0);
    if (system && upper(system->words[0]) != "AB") {
      if (places_.vega.size() != 1 && places_.vega.size() != n_bands_)
        throw UsageError(fmt::format("--vega: {} values for {} bands", places_.vega.size(), n_bands_));
      for (std::size_t i = 0; i < n_bands_; ++i) offsets[i] += places_.vega[places_.vega.size() == 1 ? 0 : i];
    } else if (system) {
      out_.answer(para_.at(*system), "magnitudes are AB");
    }
    const bool is_applied = entry && (entry->words.size() == n_bands_);
    if (is_applied)
      for (std::size_t i = 0; i < n_bands_; ++i) offsets[i] -= para_.number(*entry, i);
    if (entry && !is_applied) {
      if (entry->words.size() == 1 && para_.number(*entry) == 0.0)
        out_.answer(para_.at(*entry), "no shifts");
      else
        throw DataError(fmt::format("{}: {} values for {} filters", para_.at(*entry), entry->words.size(), n_bands_));
    }
    if (std::ranges::any_of(offsets, [](double offset) { return offset != 0.0; }))
      out_.set_numbers("lephare.zp_offset", offsets,
                       entry ? para_.at(*entry) + ", taken off the magnitudes" : para_.at(*system) + ", and --vega");
    const Entry* adapt = para_.find("AUTO_ADAPT");
    if (!adapt) return;
    // Shifts that are given turn the search for others off.
    if (para_.is_yes(*adapt) && !is_applied)
      out_.set("lephare.shifts", "true", para_.at(*adapt));
    else
      out_.answer(para_.at(*adapt), "no shifts are looked for");
  }

  void grid() {
    const Entry* entry = para_.find("Z_STEP");
    if (entry && entry->words.size() != 3) throw DataError(para_.at(*entry) + " (dz, zmin, zmax)");
    const std::string at = entry ? para_.at(*entry) : "Z_STEP 0.04,0,6, LePhare's default";
    const double defaults[] = {0.04, 0.0, 6.0};
    const char* options[] = {"lephare.dz", "lephare.zmin", "lephare.zmax"};
    for (std::size_t i = 0; i < 3; ++i) out_.set_number(options[i], entry ? para_.number(*entry, i) : defaults[i], at);
    out_.set("lephare.igm", "madau", "LePhare, always");
    cosmology();
    if (const Entry* interpolation = para_.find("Z_INTERP"))
      para_.is_yes(*interpolation) ? out_.answer(para_.at(*interpolation), "the parabola through three points is always taken")
                                   : out_.refuse(para_.at(*interpolation), "the parabola through three points is always taken");
    prior();
  }

  void cosmology() {
    const Entry* entry = para_.find("COSMOLOGY");
    if (!entry) return;
    if (entry->words.size() != 3) throw DataError(para_.at(*entry) + " (H0, matter, lambda)");
    const char* options[] = {"lephare.hubble", "lephare.omega_matter", "lephare.omega_lambda"};
    for (std::size_t i = 0; i < 3; ++i) out_.set_number(options[i], para_.number(*entry, i), para_.at(*entry));
  }

  void prior() {
    if (const Entry* entry = para_.find("NZ_PRIOR")) {
      const double band = para_.number(*entry);
      if (band < 0.0) {
        out_.set("lephare.prior", "none", para_.at(*entry));
      } else if (band < 1.0 || band > static_cast<double>(n_bands_) || band != static_cast<double>(static_cast<std::size_t>(band))) {
        throw DataError(fmt::format("{}: band {} (filters are counted from 1 to {})", para_.at(*entry), shown(band), n_bands_));
      } else {
        out_.set("lephare.prior", "vvds", para_.at(*entry));
        std::vector<std::string> names = {bands_[static_cast<std::size_t>(band) - 1]};
        if (const double second = entry->words.size() > 1 ? para_.number(*entry, 1) : 0.0;
            second >= 1.0 && second <= static_cast<double>(n_bands_))
          names.push_back(bands_[static_cast<std::size_t>(second) - 1]);
        out_.set("lephare.prior_band", quoted_list(names), para_.at(*entry));
      }
    }
    absolute_limits();
    absolute_magnitudes();
    if (const Entry* entry = para_.find("PDZ_TYPE")) pdf(*entry);
  }

  void absolute_magnitudes() {
    const Entry* method = para_.find("MABS_METHOD");
    const Entry* reference = para_.find("MABS_REF");
    const double number = method ? para_.number(*method) : 0.0;
    const std::string at = method ? para_.at(*method) : "MABS_METHOD 0, LePhare's default";
    const char* ways[] = {"same", "nearest", "fixed", "template"};
    if (number != 0.0 && number != 1.0 && number != 2.0 && number != 3.0) {
      out_.refuse(at, "bands by redshift are not there; absolute magnitudes are those of the template");
      out_.set("lephare.absolute_from", "template", at);
    } else {
      out_.set("lephare.absolute_from", ways[static_cast<std::size_t>(number)], at);
    }
    if (number != 2.0) {
      if (reference) out_.answer(para_.at(*reference), "of MABS_METHOD 2");
      return;
    }
    const double band = reference ? para_.number(*reference) : 1.0;
    if (!(band >= 1.0 && band <= static_cast<double>(n_bands_)))
      throw DataError(fmt::format("{}: band {} (filters are counted from 1 to {})", para_.at(*reference), shown(band), n_bands_));
    out_.set("lephare.absolute_reference", quoted_value(bands_[static_cast<std::size_t>(band) - 1]),
             reference ? para_.at(*reference) : "MABS_REF 1, LePhare's default");
  }

  void absolute_limits() {
    const Entry *range = para_.find("MAG_ABS"), *quasars = para_.find("MAG_ABS_QSO"), *reference = para_.find("MAG_REF");
    for (const Entry* entry : {range, quasars})
      if (entry && entry->words.size() != 2) throw DataError(para_.at(*entry) + " (two magnitudes)");
    const auto is_none = [&](const Entry* entry) { return para_.number(*entry, 0) == 0.0 && para_.number(*entry, 1) == 0.0; };
    const bool has_limits = range && !is_none(range);
    if (range && !has_limits) out_.answer(para_.at(*range), "no limits");
    if (quasars && is_none(quasars)) out_.answer(para_.at(*quasars), "no limits");
    if (quasars && !is_none(quasars)) out_.refuse(para_.at(*quasars), "absolute magnitudes of quasars are not limited");
    if (reference && !has_limits) out_.answer(para_.at(*reference), "no limits");
    if (!has_limits) return;
    const double band = reference ? para_.number(*reference) : 1.0;
    if (!(band >= 1.0 && band <= static_cast<double>(n_bands_)))
      throw DataError(fmt::format("{}: filters are counted from 1 to {}", para_.at(reference ? *reference : *range), n_bands_));
    out_.set("lephare.absolute_limits", range->value, para_.at(*range));
    out_.set("lephare.absolute_band", quoted_value(bands_[static_cast<std::size_t>(band) - 1]), para_.at(reference ? *reference : *range));
  }

  void pdf(const Entry& entry) {
    const std::string kind = upper(entry.words[0]);
    if (kind.starts_with("BAY") || kind.starts_with("MIN"))
      out_.set("lephare.pdf", kind.starts_with("BAY") ? "bay" : "min", para_.at(entry));
    else
      out_.refuse(para_.at(entry), "PDFs are of redshifts");
    if (entry.words.size() > 1) out_.refuse(para_.at(entry), "one PDF of redshift for each object");
  }

  KeyFile para_;
  const Places& places_;
  Conversion& out_;
  std::size_t n_bands_ = 0;
  std::vector<std::string> bands_;
};

}  // namespace

void convert_lephare(const std::string& path, const Places& places, Conversion& conversion) {
  LephareConversion(path, places, conversion).run();
}

}  // namespace skyfold::convert
