// Headers of files of WFCAM as its pipeline leaves them: keywords of the instrument (A. Pickup, "WFCAM HDS container and FITS headers",
// 2003) and of the pipeline (M. Irwin, "WFCAM Catalogues", VDF-SPE-IOA-00009-0001), with the columns of its tables.
#include <fmt/core.h>

#include <cmath>

#include "nights_sky.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {

using namespace night_mock;

namespace {

/// "2026-05-01T05:00:00.0" of a modified Julian date in the night of a file.
std::string time_text(const NightMock::File& file, double mjd) {
  const auto tenths = static_cast<std::int64_t>(std::llround((mjd - std::floor(mjd)) * 864'000.0));
  return fmt::format("{}-{}-{}T{:02}:{:02}:{:02}.{}", file.folder.substr(0, 4), file.folder.substr(4, 2), file.folder.substr(6, 2),
                     tenths / 36'000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10);
}

std::int64_t date_number(const NightMock::File& file) { return std::stoll(file.folder.substr(0, 8)); }

void append(HeaderCards& cards, const HeaderCards& more) { cards.insert(cards.end(), more.begin(), more.end()); }

/// How the camera was read, and the weather.
HeaderCards readout_cards(const NightMock::File& file, const FrameState& state) {
  return {{"AMSTART", state.airmass, "Airmass at start of observation"},
          {"AMEND", state.airmass + 0.001, "Airmass at end of observation"},
          {"FILTER", std::string(bands[file.filter].name), "Filter name"},
          {"READMODE", std::string("CDS"), "Name of camera readout mode"},
          {"CAPPLICN", std::string("wfcam_cds"), "Name of camera readout application"},
          {"EXP_TIME", exposure_s, "[s] Integration time per exposure"},
          {"NEXP", std::int64_t{1}, "Number of exposures in integration"},
          {"NINT", std::int64_t{1}, "Number of integrations in observation"},
          {"READINT", 0.4, "[s] Interval between reads"},
          {"NREADS", std::int64_t{2}, "Number of reads per exposure"},
          {"AIRTEMP", 1.5, "[degC] Air temperature"},
          {"BARPRESS", 616.2, "Ambient pressure"},
          {"DEWPOINT", -21.0, "[degC] Dewpoint"},
          {"DOMETEMP", 1.9, "[degC] Dome temperature"},
          {"HUMIDITY", 14.0, "Relative humidity"},
          {"MIRRTEMP", 1.4, "[degC] Primary mirror temperature"},
          {"WINDSPD", 22.5, "[km/h] Windspeed"},
          {"WINDDIR", 120.0, "[deg] Wind direction, azimuth"},
          {"CSOTAU", 0.06, "Tau at 225 GHz from CSO"},
          {"TAUDATE", std::string(file.folder.substr(0, 4) + "-" + file.folder.substr(4, 2) + "-" + file.folder.substr(6, 2)),
           "Date and time of CSOTAU"}};
}

/// What the pipeline did and measured.
HeaderCards pipeline_cards(const NightMock::File& file, int detector, const FrameState& state) {
  const Band& band = bands[file.filter];
  const double zero_point = band.zero_point + 0.02 * (detector - 1.5);
  HeaderCards cards = {{"DARKCOR", std::string("Done with: dark.fit"), "Dark correction"},
                       {"FLATCOR", std::string("Done with: flat.fit"), "Flat correction"},
                       {"CIR_CPM", fmt::format("w{}_conf.fit[{}]", file.folder.substr(0, 8), detector + 1), "Confidence map"},
                       {"CIR_VERS", std::string("1.0.2"), "Pipeline version"},
                       {"DECURTN", std::string("Done: tol=0.01"), "Decurtaining"},
                       {"SKYSUB", std::string("Done"), "Sky subtraction"},
                       {"XTALK", std::string("Done"), "Cross-talk correction"},
                       {"SKYLEVEL", state.sky_adu, "[ADU] Median sky brightness"},
                       {"SKYNOISE", state.sky_noise_adu, "[ADU] Pixel noise at sky level"},
                       {"THRESHOL", 1.5 * state.sky_noise_adu, "[ADU] Isophotal analysis threshold"},
                       {"MINPIX", std::int64_t{4}, "[pixels] Minimum size for images"},
                       {"CROWDED", std::int64_t{1}, "Crowded field analysis flag"},
                       {"RCORE", core_px, "[pixels] Core radius for default profile fit"},
                       {"FILTFWHM", 2.0, "[pixels] FWHM of smoothing kernel"},
                       {"SEEING", state.seeing_px, "[pixels] Average stellar FWHM"},
                       {"ELLIPTIC", 0.05, "Average stellar ellipticity (1-b/a)"},
                       {"NUMBRMS", std::int64_t{40}, "Number of stars used to fit the WCS"},
                       {"STDCRMS", 0.08, "[arcsec] RMS residual of fit to WCS"},
                       {"WCSPASS", std::int64_t{2}, "Pass level of WCS"},
                       {"MAGZPT", zero_point, "[mag] Photometric ZP for default extinction"},
                       {"MAGZRR", 0.02, "[mag] Photometric ZP error"},
                       {"EXTINCT", band.extinction, "[mag] Extinction coefficient"},
                       {"PERCORR", 0.0, "[mag] Sky calibration correction"}};
  const double sigma = state.sigma_px();
  for (int i = 0; i < 7; ++i) {
    const double radius = aperture_radii[i] * core_px;
    cards.push_back({fmt::format("APCOR{}", i + 1), 0.0 - 2.5 * std::log10(1.0 - std::exp(-0.5 * radius * radius / (sigma * sigma))),
                     "[mag] Stellar aperture correction"});
  }
  cards.insert(cards.end(),
               {{"APCORPK", 2.5 * std::log10(2.0 * 3.14159265 * sigma * sigma), "[mag] Stellar aperture correction, peak height"},
                {"SATURATE", 40'000.0, "[ADU] Average saturation level in frame"},
                {"PROV0000", file.name + ".fit", "Output file"},
                {"PROV0001", file.name.substr(0, file.name.rfind('_')) + ".fit", "Input file"}});
  return cards;
}

}  // namespace

HeaderCards NightMock::primary_cards(const File& file) const {
  const FrameState state = frame_state(o_, file);
  const double mjd = mjd_of(o_, file), end = mjd + exposure_s / 86'400.0;
  const DetectorWcs wcs = wcs_of(file, 0);
  const std::int64_t number = 101 + 4 * file.number, pointing = file.number / filters;
  const std::string begin_text = time_text(file, mjd), end_text = time_text(file, end);
  HeaderCards cards = {
      {"TELESCOP", std::string("UKIRT"), "Telescope name"},
      {"INSTRUME", std::string("WFCAM"), "Instrument"},
      {"DHSVER", std::string("UKDHS 2008 Dec 1"), "Data handling version"},
      {"HDTFILE", std::string("wfcam.hdt"), "Name of hdt file"},
      {"OBSERVER", std::string("skyfold mock"), "Observers names"},
      {"USERID", std::string("wfcam"), "Userid logged in as"},
      {"OBSREF", std::string("mock"), "PATT or other reference"},
      {"PROJECT", std::string("u/mock/1"), "Time-allocation code"},
      {"SURVEY", std::string("MOCK"), "Survey name"},
      {"SURVEY_I", fmt::format("pointing {}", pointing), "Pointing ID within survey"},
      {"MSBID",
       fmt::format("{:016x}{:016x}", mix64(static_cast<std::uint64_t>(pointing / 4)), mix64(static_cast<std::uint64_t>(file.night))),
       "Id min.-schedulable block"},
      {"OBJECT", fmt::format("mock tile {}", pointing / 4), "Object name from telescope"},
      {"RECIPE", std::string("JITTER_SELF_FLAT"), "Data reduction recipe to be used"},
      {"OBSTYPE", std::string("OBJECT"), "Type (BIAS|DARK|ARC|FLAT|OBJECT|SKY)"},
      {"OBSNUM", number, "Observation number"},
      {"GRPNUM", number, "Group number applied to all members"},
      {"GRPMEM", true, "Group membership"},
      {"TILENUM", pointing / 4 + 1, "Tile number"},
      {"STANDARD", false, "Is the target a standard star observation?"},
      {"NJITTER", std::int64_t{1}, "Number of positions in telescope pattern"},
      {"JITTER_I", std::int64_t{1}, "Serial number in this tel pattern"},
      {"JITTER_X", state.dither_x, "[arcsec] X (RA) offset in tel pattern"},
      {"JITTER_Y", state.dither_y, "[arcsec] Y (Dec) offset in tel pattern"},
      {"NUSTEP", std::int64_t{1}, "Number of positions in microstep pattern"},
      {"USTEP_I", std::int64_t{1}, "Serial number in this microstep pattern"},
      {"USTEP_X", 0.0, "[arcsec] X (RA) offset in microstep pattern"},
      {"USTEP_Y", 0.0, "[arcsec] Y (Dec) offset in microstep pattern"},
      {"UTDATE", date_number(file), "UT date as integer in yyyymmdd format"},
      {"DATE-OBS", begin_text, "Date time (UTC) of start of observation"},
      {"DATE-END", end_text, "Date time (UTC) of end of observation"},
      {"MJD-OBS", mjd, "Modified Julian Date at start of observation"},
      {"RADESYS", std::string("FK5"), "Mean IAU 1984 equatorial co-ordinates"},
      {"EQUINOX", 2000.0, "[yr] Equinox of object position"},
      {"TRACKSYS", std::string("J2000"), "Telescope tracking coordinate system"},
      {"RABASE", wcs.crval[0] / 15.0, "[h] Right ascension of base position"},
      {"DECBASE", wcs.crval[1], "[deg] Declination of base position"},
      {"TRAOFF", state.dither_x, "[arcsec] Right ascension telescope offset"},
      {"TDECOFF", state.dither_y, "[arcsec] Declination telescope offset"}};
  append(cards, readout_cards(file, state));
  return cards;
}

namespace night_mock {

HeaderCards image_cards(const NightMockOptions& o, const NightMock::File& file, int detector, const DetectorWcs& wcs) {
  const FrameState state = frame_state(o, file);
  HeaderCards cards = {
      {"INHERIT", true, "Extension inherits primary header"},
      {"DETECTOR", std::string("WFCAM Hawaii2 - 12"), "Type of detector array used"},
      {"DETECTID", fmt::format("\"#{}\" Hawaii2", 60 + detector), "Serial number of detector array"},
      {"DROWS", std::int64_t{o.size}, "[pixel] Number of detector rows"},
      {"DCOLUMNS", std::int64_t{o.size}, "[pixel] Number of detector columns"},
      {"RDOUT_X1", std::int64_t{1}, "Start column of array readout"},
      {"RDOUT_X2", std::int64_t{o.size}, "End column of array readout"},
      {"RDOUT_Y1", std::int64_t{1}, "Start row of array readout"},
      {"RDOUT_Y2", std::int64_t{o.size}, "End row of array readout"},
      {"PIXLSIZE", pixel_arcsec, "[arcsec] Pixel size"},
      {"CAMNUM", std::int64_t{detector + 1}, "Number of WFCAM camera (1, 2, 3 or 4)"},
      {"PCSYSID", fmt::format("wfacq{}", detector + 1), "PC system identifier"},
      {"SDSUID", fmt::format("sdsu{}", detector + 1), "SDSU system identifier"},
      {"CAMROLE", std::string(detector == 0 ? "master" : "slave"), "Camera role (master|slave|sync)"},
      {"CAMPOWER", std::string("On"), "Camera power (On|Off)"},
      {"RUNID", file.name.substr(0, file.name.rfind('_')), "Name of raw data file"},
      {"READOUT", std::string("CDS"), "Camera readout (CDS|NDR|SAR|RRR)"},
      {"GAIN", gain, "[e-/ADU] Detector gain"},
      {"READNOIS", read_noise_adu * gain, "[e-] Read noise"},
      {"DET_TEMP", 76.0 + 0.1 * detector, "[K] Detector array temperature"},
      {"CNFINDEX", date_number(file) - 19'000'000, "Configuration index"},
      {"CTYPE1", std::string(wcs.is_zpn ? "RA---ZPN" : "RA---TAN"), "Algorithm type for axis 1"},
      {"CTYPE2", std::string(wcs.is_zpn ? "DEC--ZPN" : "DEC--TAN"), "Algorithm type for axis 2"},
      {"CRPIX1", wcs.crpix[0], "[pixel] Reference pixel along axis 1"},
      {"CRPIX2", wcs.crpix[1], "[pixel] Reference pixel along axis 2"},
      {"CRVAL1", wcs.crval[0], "[deg] Right ascension at the reference pixel"},
      {"CRVAL2", wcs.crval[1], "[deg] Declination at the reference pixel"},
      {"CRUNIT1", std::string("deg"), "Unit of right ascension co-ordinates"},
      {"CRUNIT2", std::string("deg"), "Unit of declination co-ordinates"},
      {"CD1_1", wcs.cd[0], "Transformation matrix element"},
      {"CD1_2", wcs.cd[1], "Transformation matrix element"},
      {"CD2_1", wcs.cd[2], "Transformation matrix element"},
      {"CD2_2", wcs.cd[3], "Transformation matrix element"},
  };
  if (wcs.is_zpn)
    cards.insert(cards.end(), {{"PV2_1", 1.0, "Pol.coeff. for pixel -> celestial coord"},
                               {"PV2_2", 0.0, "Pol.coeff. for pixel -> celestial coord"},
                               {"PV2_3", wcs.pv3, "Pol.coeff. for pixel -> celestial coord"},
                               {"PROJP1", 1.0, "Pol.coeff. for pixel -> celestial coord"},
                               {"PROJP3", wcs.pv3, "Pol.coeff. for pixel -> celestial coord"}});
  append(cards, pipeline_cards(file, detector, state));
  return cards;
}

HeaderCards table_cards(const NightMockOptions&, const NightMock::File& file, const DetectorWcs& wcs) {
  HeaderCards cards = {{"EXTNAME", std::string("APM-BINARYTABLE"), "name of this binary table extension"},
                       {"TCTYP3", std::string(wcs.is_zpn ? "RA---ZPN" : "RA---TAN"), "Algorithm type for axis 1"},
                       {"TCTYP5", std::string(wcs.is_zpn ? "DEC--ZPN" : "DEC--TAN"), "Algorithm type for axis 2"},
                       {"TCRPX3", wcs.crpix[0], "[pixel] Reference pixel along axis 1"},
                       {"TCRPX5", wcs.crpix[1], "[pixel] Reference pixel along axis 2"},
                       {"TCRVL3", wcs.crval[0], "[deg] Right ascension at the reference pixel"},
                       {"TCRVL5", wcs.crval[1], "[deg] Declination at the reference pixel"},
                       {"TC3_3", wcs.cd[0], "Transformation matrix element"},
                       {"TC3_5", wcs.cd[1], "Transformation matrix element"},
                       {"TC5_3", wcs.cd[2], "Transformation matrix element"},
                       {"TC5_5", wcs.cd[3], "Transformation matrix element"}};
  if (wcs.is_zpn)
    cards.insert(cards.end(), {{"TV5_1", 1.0, "Pol.coeff. for pixel -> celestial coord"},
                               {"TV5_2", 0.0, "Pol.coeff. for pixel -> celestial coord"},
                               {"TV5_3", wcs.pv3, "Pol.coeff. for pixel -> celestial coord"}});
  cards.push_back({"CLASSIFD", true, "Class and stat parameters are filled"});
  cards.push_back({"ESOGRADE", std::string("A"), "Grade of the observation"});
  cards.push_back({"IMAGE", file.image().substr(file.folder.size() + 1), "File of the image"});
  return cards;
}

Schema detection_schema() {
  Schema schema;
  const auto add = [&](const std::string& name, const char* unit, Type type = Type::f4) { schema.push_back({name, type, 1, unit}); };
  const auto add_pair = [&](const std::string& name, const char* unit) {
    add(name, unit);
    add(name + "_err", unit);
  };
  add("Sequence_number", "Number");
  add("Isophotal_flux", "ADU");
  for (const char* name : {"X_coordinate", "Y_coordinate"}) add_pair(name, "Pixels");
  add("Gaussian_sigma", "Pixels");
  add("Ellipticity", "Number");
  add("Position_angle", "Degrees");
  for (int i = 1; i <= 8; ++i) add(fmt::format("Areal_{}_profile", i), "Pixels");
  add_pair("Peak_height", "ADU");
  for (int i = 1; i <= apertures; ++i) add_pair(fmt::format("Aper_flux_{}", i), "ADU");
  for (const char* name : {"Petr_radius", "Kron_radius", "Half_radius"}) add(name, "Pixels");
  for (const char* name : {"Petr_flux", "Kron_flux", "Half_flux"}) add_pair(name, "ADU");
  add("Error_bit_flag", "Number");
  add("Sky_level", "ADU");
  add("Sky_rms", "ADU");
  add("Av_conf", "Number");
  add("RA", "Degrees", Type::f8);
  add("DEC", "Degrees", Type::f8);
  add("Classification", "Flag");
  add("Statistic", "N-sigma");
  for (int i = 63; i <= 80; ++i) add(fmt::format("Blank{}", i), "");
  return schema;
}

}  // namespace night_mock
}  // namespace skyfold
