// Configurations of EAZY (Brammer, van Dokkum & Coppi 2008): parameters, names of columns (.translate), shifts of zero points (.zeropoint).
// EAZY itself is not there: what is converted is its photometry, filters, templates and grid, for bpz without a prior.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "conversion.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold::convert {
namespace {

constexpr std::string_view handled_keys[] = {
    "FILTERS_RES", "FILTER_FORMAT", "TEMPLATES_FILE",    "Z_MIN",          "Z_MAX",       "Z_STEP", "APPLY_IGM", "SYS_ERR",
    "PRIOR_ABZP",  "MAGNITUDES",    "NOT_OBS_THRESHOLD", "GET_ZP_OFFSETS", "CATALOG_FILE"};

constexpr FixedKey fixed_keys[] = {
    {"WAVELENGTH_FILE", "*", "fluxes are integrals over the points of spectrum and filter; no grid is needed"},
    {"TEMP_ERR_FILE", "none", "an error of templates by wavelength is not there; bpz.zp_error has one for each band"},
    {"TEMP_ERR_A2", "0", "an error of templates by wavelength is not there; bpz.zp_error has one for each band"},
    {"N_MIN_COLORS", "*", "photoz gives n_bands: choose by it"},
    {"OUTPUT_DIRECTORY", "*", "photoz --output names the product"},
    {"MAIN_OUTPUT_FILE", "*", "photoz --output names the product"},
    {"OBS_SED_FILE", "*", "products have redshifts and PDFs, not spectra"},
    {"TEMP_SED_FILE", "*", "products have redshifts and PDFs, not spectra"},
    {"POFZ_FILE", "*", "photoz --pdf interp writes PDFs"},
    {"BINARY_OUTPUT", "*", "the format of products is skyfold's"},
    {"PRINT_ERRORS", "*", "limits of 68 to 99 % are columns"},
    {"VERBOSE_LOG", "*", "provenance is always kept"},
    {"VERBOSITY", "*", "what is printed is no part of a model"},
    {"H0", "*", "no distances are needed for redshifts"},
    {"OMEGA_M", "*", "no distances are needed for redshifts"},
    {"OMEGA_L", "*", "no distances are needed for redshifts"},
    {"DUMP_TEMPLATE_CACHE", "*", "model fluxes are in the model"},
    {"USE_TEMPLATE_CACHE", "*", "model fluxes are in the model"},
    {"CACHE_FILE", "*", "model fluxes are in the model"},
    {"Z_STEP_TYPE", "0", "steps that grow with 1 + z are not there; steps are Z_STEP"},
    {"TEMPLATE_COMBOS", "1", "sums of templates are not fitted; one template at a time, with mixtures of neighbours by bpz.interpolate"},
    {"NMF_TOLERANCE", "*", "of sums of templates"},
    {"FIX_ZSPEC", "n no 0", "redshifts are not fixed to those known"},
    {"APPLY_PRIOR", "n no 0", "EAZY's prior is not there; none is used (bpz.prior has others)"},
    {"PRIOR_FILE", "none", "EAZY's prior is not there"},
    {"PRIOR_FILTER", "*", "of EAZY's prior"},
    {"SMOOTH_FILTERS", "n no 0", "filters are not smoothed"},
    {"SMOOTH_SIGMA", "*", "of SMOOTH_FILTERS"},
    {"ZP_OFFSET_TOL", "*", "is not used by EAZY"},
    {"CHI2_SCALE", "1", "chi-square is not scaled"},
    {"REST_FILTERS", "---", "rest-frame colours are not computed"},
    {"Z_COLUMN", "*", "of rest-frame colours"},
    {"USE_ZSPEC_FOR_REST", "*", "of rest-frame colours"},
    {"RF_PADDING", "*", "of rest-frame colours"},
    {"RF_ERRORS", "n no 0", "rest-frame colours are not computed"},
    {"SCALE_2175_BUMP", "0", "templates are used as they are"},
    {"READ_ZBIN", "n no 0", "redshifts are estimated"},
    {"LAF_FILE", "*", "of the clouds of Inoue et al. 2014"},
    {"DLA_FILE", "*", "of the clouds of Inoue et al. 2014"},
};

/// Number of a filter in F12 or E12; 0 for anything else.
std::size_t filter_number(const std::string& word, char letter) {
  if (word.size() < 2 || word[0] != letter) return 0;
  const auto number = parse_integer(std::string_view(word).substr(1));
  return number && *number > 0 ? static_cast<std::size_t>(*number) : 0;
}

class EazyConversion {
 public:
  EazyConversion(const std::string& param_path, const std::string& translate_path, const std::string& zeropoint_path, const Places& places,
                 Conversion& out)
      : param_(param_path, read_file(param_path)),
        translate_path_(translate_path),
        zeropoint_path_(zeropoint_path),
        places_(places),
        out_(out) {}

  void run() {
    out_.set("algorithms", "bpz", "EAZY's own fit is not there; bpz fits one template at a time");
    out_.set("train.fraction", "1", "nothing is learned from objects of known redshift");
    out_.set("bpz.prior", "none", "EAZY's priors are not there");
    read_translate();
    read_zeropoint();
    photometry();
    filters();
    templates();
    grid();
    answer_keys(param_, fixed_keys, handled_keys, out_);
  }

 private:
  struct Band {
    std::size_t filter = 0;
    std::string value, error;
    double factor = 1.0;  ///< of the fluxes
  };

  std::string from(const char* key, const std::string& value) const {
    const Entry* entry = param_.find(key);
    return entry ? param_.at(*entry) : fmt::format("{} {}, EAZY's default", key, value);
  }
  bool is_yes(const char* key, bool otherwise) const {
    const Entry* entry = param_.find(key);
    return entry ? param_.is_yes(*entry) : otherwise;
  }
  double number(const char* key, double otherwise) const {
    const Entry* entry = param_.find(key);
    return entry ? param_.number(*entry) : otherwise;
  }

  /// Names of columns become F and E with numbers of filters, or names that EAZY knows.
  void read_translate() {
    std::map<std::size_t, std::string> errors;
    for (const WordLine& line : word_lines(read_file(translate_path_))) {
      const std::string at = fmt::format("{}, line {}", translate_path_, line.line);
      if (line.words.size() < 2 || line.words.size() > 3)
        throw DataError(fmt::format("{}: {} words (a column and what it is are needed)", at, line.words.size()));
      const std::string &column = line.words[0], &meaning = line.words[1], whole = at + ": " + join(line.words, " ");
      if (const std::size_t filter = filter_number(meaning, 'F')) {
        if (std::ranges::find(bands_, filter, &Band::filter) != bands_.end())
          throw DataError(fmt::format("{}: filter {} has two columns", at, filter));
        bands_.push_back({filter, column, "", 1.0});
      } else if (const std::size_t of_error = filter_number(meaning, 'E')) {
        if (!errors.emplace(of_error, column).second) throw DataError(fmt::format("{}: filter {} has two columns of errors", at, of_error));
        if (line.words.size() == 3) error_scale(line.words[2], whole, at);
      } else if (meaning == "z_spec") {
        out_.set("redshift", quoted_value(column), whole);
      } else if (meaning == "id") {
        out_.set("id", quoted_value(column), whole);
      } else {
        out_.refuse(whole, "not the flux or error of a filter, z_spec or id");
      }
    }
    for (Band& band : bands_) {
      const auto found = errors.find(band.filter);
      if (found == errors.end())
        throw DataError(fmt::format("{}: filter {} has no errors (E{})", translate_path_, band.filter, band.filter));
      band.error = found->second;
      errors.erase(found);
    }
    if (!errors.empty()) throw DataError(fmt::format("{}: errors E{} of a filter without fluxes", translate_path_, errors.begin()->first));
    if (bands_.empty()) throw DataError(translate_path_ + ": no fluxes (a line is: column F12)");
  }

  void error_scale(const std::string& word, const std::string& whole, const std::string& at) {
    const auto scale = parse_double(word);
    if (!scale) throw DataError(fmt::format("{}: scale of errors '{}' (must be a number)", at, word));
    if (*scale != 1.0) out_.refuse(whole, "errors are not scaled by band");
  }

  /// M12 -0.03 is added to magnitudes, F12 1.03 multiplies fluxes.
  void read_zeropoint() {
    if (zeropoint_path_.empty()) return;
    if (const Entry* entry = param_.find("GET_ZP_OFFSETS"); entry && !param_.is_yes(*entry))
      throw UsageError(fmt::format("{} (EAZY would not read {}: leave one of them out)", param_.at(*entry), zeropoint_path_));
    std::vector<std::size_t> seen;
    for (const WordLine& line : word_lines(read_file(zeropoint_path_))) {
      const std::string at = fmt::format("{}, line {}", zeropoint_path_, line.line);
      if (line.words[0] == "CONTINUE") {
        out_.refuse(at + ": CONTINUE", "shifts are not iterated from here; bpz.shifts finds its own");
        continue;
      }
      const bool is_magnitude = line.words[0].starts_with('M');
      const std::size_t filter = filter_number(line.words[0], is_magnitude ? 'M' : 'F');
      const auto value = line.words.size() == 2 ? parse_double(line.words[1]) : std::nullopt;
      if (filter == 0 || !value || !std::isfinite(*value))
        throw DataError(fmt::format("{}: '{}' (F or M with the number of a filter, and a number)", at, join(line.words, " ")));
      if (!is_magnitude && *value <= 0.0) throw DataError(fmt::format("{}: factor {} (must be > 0)", at, *value));
      if (std::ranges::find(seen, filter) != seen.end()) throw DataError(fmt::format("{}: filter {} has two shifts", at, filter));
      seen.push_back(filter);
      const auto band = std::ranges::find(bands_, filter, &Band::filter);
      if (band == bands_.end())
        out_.refuse(fmt::format("{}: {}", at, join(line.words, " ")), "no column has this filter");
      else
        band->factor = is_magnitude ? std::pow(10.0, -0.4 * *value) : *value;
    }
  }

  void photometry() {
    std::vector<std::string> values, errors;
    for (const Band& band : bands_) {
      values.push_back(band.value);
      errors.push_back(band.error);
    }
    const Patterns patterns = patterns_of(values, errors, translate_path_);
    out_.set("bands", quoted_list(patterns.bands), translate_path_ + ", columns of F...");
    const bool is_magnitudes = is_yes("MAGNITUDES", false);
    out_.set(is_magnitudes ? "bands.magnitude" : "bands.flux", quoted_value(patterns.value),
             translate_path_ + ", " + from("MAGNITUDES", "n"));
    out_.set(is_magnitudes ? "bands.error" : "bands.flux_error", quoted_value(patterns.error), translate_path_ + ", columns of E...");
    // A factor of the flux is -2.5 log10 of it in magnitudes. Of fluxes it goes into the zero point, so that the model records it.
    std::vector<double> shifts;
    for (const Band& band : bands_)
      shifts.push_back((is_magnitudes ? 0.0 : number("PRIOR_ABZP", 25.0)) - (band.factor == 1.0 ? 0.0 : 2.5 * std::log10(band.factor)));
    const std::string with = zeropoint_path_.empty() ? "" : ", shifted by " + zeropoint_path_;
    if (!is_magnitudes)
      out_.set_numbers("bands.flux_zeropoint", shifts, from("PRIOR_ABZP", "25") + with);
    else if (!zeropoint_path_.empty())
      out_.set_numbers("bpz.zp_offset", shifts, zeropoint_path_);
    if (const Entry* entry = param_.find("PRIOR_ABZP"); entry && is_magnitudes)
      out_.answer(param_.at(*entry), "of fluxes; the catalogue has magnitudes");
    if (const Entry* entry = param_.find("GET_ZP_OFFSETS")) {
      if (param_.is_yes(*entry) && zeropoint_path_.empty()) throw UsageError(param_.at(*entry) + " (give the .zeropoint file, too)");
      out_.answer(param_.at(*entry), zeropoint_path_.empty() ? "there are no shifts" : "shifts are as in " + zeropoint_path_);
    }
    out_.set_number("bands.missing", -99.0,
                    from("NOT_OBS_THRESHOLD", "-90") + "; values are named here, not a threshold: -99 is the usual one");
    // A part of the flux; zp_error is the magnitude whose 10^(0.4 x) - 1 is that part.
    const double part = number("SYS_ERR", 0.0);
    if (part < 0.0) throw DataError(from("SYS_ERR", "") + " (must be >= 0)");
    out_.set_number("bpz.zp_error", 2.5 * std::log10(1.0 + part), from("SYS_ERR", "0") + ", a part of the flux, in mag");
    if (const Entry* entry = param_.find("CATALOG_FILE")) out_.answer(param_.at(*entry), "photoz --catalogue names the catalogue");
  }

  std::vector<std::string> folders(const std::string& given) const {
    return {given, folder_of(param_.path()), ".", folder_of(param_.path()) + "/.."};
  }

  void filters() {
    const Entry* entry = param_.find("FILTERS_RES");
    const std::string name = entry ? entry->words[0] : "FILTER.RES.latest", at = from("FILTERS_RES", name);
    const std::string path = find_file(name, folders(places_.filters), at);
    const bool is_energy = number("FILTER_FORMAT", 1.0) == 0.0;
    std::vector<std::string> names;
    for (const Band& band : bands_) names.push_back(fmt::format("{}:{}{}", path, band.filter, is_energy ? ":energy" : ""));
    out_.set("bpz.filters", quoted_list(names), at + ", numbers of " + translate_path_ + "; " + from("FILTER_FORMAT", "1"));
  }

  /// A line of the list: number, file, factor of the wavelength, age, error, numbers of templates to be added.
  void templates() {
    const Entry* entry = param_.find("TEMPLATES_FILE");
    const std::string name = entry ? entry->words[0] : "templates/eazy_v1.2_dusty.spectra.param", at = from("TEMPLATES_FILE", name);
    const std::string list = find_file(name, folders(places_.seds), at);
    std::vector<std::string> paths, where = folders(places_.seds);
    where.push_back(folder_of(list));
    for (const WordLine& line : word_lines(read_file(list))) {
      const std::string here = fmt::format("{}, line {}", list, line.line);
      if (line.words.size() < 2 || !parse_integer(line.words[0])) throw DataError(here + ": a number and a file are needed");
      const auto scale = line.words.size() > 2 ? parse_double(line.words[2]) : 1.0;
      if (!scale || *scale != 1.0)
        throw DataError(fmt::format("{}: wavelengths times {} (spectra must be in angstrom)", here, line.words[2]));
      paths.push_back(find_file(line.words[1], where, here));
    }
    if (paths.empty()) throw DataError(list + ": names no spectrum");
    out_.lists.push_back({"bpz.templates", "templates", paths, at});
    out_.set("bpz.interpolate", "0", from("TEMPLATE_COMBOS", "a") + ": no mixtures of neighbours");
  }

  void grid() {
    out_.set_number("bpz.zmin", number("Z_MIN", 0.01), from("Z_MIN", "0.01"));
    out_.set_number("bpz.zmax", number("Z_MAX", 6.0), from("Z_MAX", "6"));
    out_.set_number("bpz.dz", number("Z_STEP", 0.01), from("Z_STEP", "0.01"));
    if (!param_.find("Z_STEP_TYPE"))
      out_.refuse("Z_STEP_TYPE 1, EAZY's default", "steps that grow with 1 + z are not there; steps are Z_STEP");
    if (!param_.find("TEMPLATE_COMBOS")) out_.refuse("TEMPLATE_COMBOS a, EAZY's default", "sums of templates are not fitted");
    if (!param_.find("APPLY_PRIOR")) out_.refuse("APPLY_PRIOR y, EAZY's default", "EAZY's prior is not there; none is used");
    const Entry* entry = param_.find("APPLY_IGM");
    const std::string word = entry ? lower(entry->words[0]) : "y", at = from("APPLY_IGM", "y");
    if (word == "y" || word == "yes" || word == "1")
      out_.refuse(at, "the clouds of Inoue et al. 2014 are not there; Madau 1995 is used");
    else if (word != "2" && word != "x" && word != "n" && word != "no" && word != "0")
      throw DataError(at + " (must be n, y, 1, 2 or x)");
    out_.set("bpz.igm", word == "n" || word == "no" || word == "0" ? "none" : "madau", at);
  }

  KeyFile param_;
  const std::string &translate_path_, &zeropoint_path_;
  const Places& places_;
  Conversion& out_;
  std::vector<Band> bands_;
};

}  // namespace

void convert_eazy(const std::string& param_path, const std::string& translate_path, const std::string& zeropoint_path, const Places& places,
                  Conversion& conversion) {
  if (param_path.empty())
    throw UsageError(translate_path + zeropoint_path + ": EAZY's .param file is needed, too (filters, templates and grid are there)");
  if (translate_path.empty())
    throw UsageError(param_path + ": EAZY's .translate file is needed, too (it tells the columns of the filters)");
  EazyConversion(param_path, translate_path, zeropoint_path, places, conversion).run();
}

}  // namespace skyfold::convert
