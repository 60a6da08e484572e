// The plan of nights: which files there are, where they look, which are damaged; what a file holds is in nights_exposure.cpp and
// nights_cards.cpp.
#include "skyfold/kernels/mock/nights.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nights_sky.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using namespace night_mock;

constexpr int damages = 6;

std::chrono::sys_days day_of(const std::string& date) {
  const std::vector<std::string> parts = split(date, '-');
  const auto number = [&](std::size_t i) {
    const std::string& text = parts[i];
    const bool is_number = !text.empty() && text.size() <= 4 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    return is_number ? std::stoi(text) : -1;
  };
  if (parts.size() == 3 && number(0) >= 1900 && number(1) > 0 && number(2) > 0) {
    const std::chrono::year_month_day day{std::chrono::year(number(0)), std::chrono::month(static_cast<unsigned>(number(1))),
                                          std::chrono::day(static_cast<unsigned>(number(2)))};
    if (day.ok()) return std::chrono::sys_days(day);
  }
  throw UsageError(fmt::format("--night.first: '{}' is no date (YYYY-MM-DD)", date));
}

/// "20260501"
std::string name_of_night(const NightMockOptions& o, std::int64_t night) {
  const std::chrono::year_month_day day(day_of(o.first) + std::chrono::days(night));
  return fmt::format("{:04}{:02}{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

/// Number of damaged files among all, without the nights that have none.
std::int64_t damaged_files(const NightMockOptions& o) { return o.damaged - o.damaged / damages; }

}  // namespace

void describe(OptionSet& option, NightMockOptions& o) {
  option("nights", o.nights, "nights of kind nights").range(1, 10'000);
  option("night.files", o.files, "multi-extension image files of a night, each with a table of detections; a real night has 3000")
      .range(1, 20'000);
  option("night.detections", o.detections, "detections of a night, about; a real night has 3 million").range(0, 2e7);
  option("night.size", o.size, "side of an image; that of the real camera is 2048").unit("pixels").range(16, 4096);
  option("night.compressed", o.compressed, "part of the image files that are Rice-compressed").range(0.0, 1.0);
  option("night.damaged", o.damaged,
         "files damaged on purpose, in turn: truncated, wrong checksum, duplicate keyword, missing extension, empty table; the sixth is a "
         "night without files")
      .range(0, 100'000);
  option("night.first", o.first, "date of the first night");
}

void check(const NightMockOptions& o) {
  const std::chrono::year_month_day last(day_of(o.first) + std::chrono::days(o.nights + o.damaged / damages));
  if (static_cast<int>(last.year()) > 9999)
    throw UsageError(fmt::format("--night.first = {} (the last night is after the year 9999)", o.first));
  if (const std::int64_t most = o.nights * o.files; damaged_files(o) > most)
    throw UsageError(fmt::format("--night.damaged = {} (there are {} files to damage)", o.damaged, grouped(most)));
}

std::string name_of(NightDamage damage) {
  static const char* names[] = {"none", "truncated", "wrong checksum", "duplicate keyword", "missing extension", "empty table", "no files"};
  return names[static_cast<std::size_t>(damage)];
}

NightMock::NightMock(const NightMockOptions& o) : o_(o) {
  check(o);
  for (std::int64_t night = 0; night < o.nights; ++night) {
    const std::string date = name_of_night(o, night);
    folders_.push_back(date + "_v1");
    for (std::int64_t i = 0; i < o.files; ++i) {
      File file{night, i, folders_.back(), fmt::format("w{}_{:05}_st", date, 101 + 4 * i), static_cast<int>(i % filters)};
      ObjectRandom random(static_cast<std::uint64_t>(o.seed), frame_key(file, 0), frame_plan);
      file.is_compressed = random.uniform() < o.compressed;
      files_.push_back(std::move(file));
    }
  }
  for (std::int64_t i = 0; i < o.damaged / damages; ++i) folders_.push_back(name_of_night(o, o.nights + i) + "_v1");
  // Damages go over the files with a stride, so that every night has its share.
  const std::int64_t count = damaged_files(o), stride = count > 0 ? std::ssize(files_) / count : 1;
  for (std::int64_t i = 0; i < count; ++i)
    files_[static_cast<std::size_t>(i * stride + stride / 2)].damage = static_cast<NightDamage>(1 + i % (damages - 1));
  const double cells = std::pow(static_cast<double>(o.size) * pixel_arcsec / cell_arcsec, 2.0) * detectors;
  density_ = static_cast<double>(o.detections) / static_cast<double>(o.files) / cells / detected_part;
}

std::vector<std::string> NightMock::empty_folders() const {
  return {folders_.begin() + static_cast<std::ptrdiff_t>(o_.nights), folders_.end()};
}

std::string NightMock::filter_name(int filter) { return bands[filter].name; }

namespace night_mock {

double mjd_of(const NightMockOptions& o, const NightMock::File& file) {
  constexpr std::int64_t mjd_of_1970 = 40'587;
  const std::int64_t day = (day_of(o.first) + std::chrono::days(file.night)).time_since_epoch().count() + mjd_of_1970;
  // Nights in Hawaii are from 5 to 16 UT.
  return static_cast<double>(day) + (5.0 + 11.0 * static_cast<double>(file.number) / static_cast<double>(o.files)) / 24.0;
}

FrameState frame_state(const NightMockOptions& o, const NightMock::File& file) {
  ObjectRandom random(static_cast<std::uint64_t>(o.seed), frame_key(file, 0), frame_weather);
  FrameState state;
  state.seeing_px = (0.75 + 0.35 * random.uniform()) / pixel_arcsec;
  state.airmass = 1.0 + 0.6 * random.uniform();
  state.sky_adu = bands[file.filter].sky_adu * (0.85 + 0.3 * random.uniform());
  state.sky_noise_adu = std::sqrt(state.sky_adu / gain + read_noise_adu * read_noise_adu);
  state.dither_x = 3.2 * (random.uniform() - 0.5);
  state.dither_y = 3.2 * (random.uniform() - 0.5);
  return state;
}

}  // namespace night_mock

DetectorWcs NightMock::wcs_of(const File& file, int detector) const {
  // Four pawprints make a tile, which has no gaps: they are 97 % of a detector apart, as gaps are 94 % of one. Tiles follow in RA.
  const std::int64_t pointing = file.number / filters, tile = pointing / 4;
  const double side = static_cast<double>(o_.size) * pixel_arcsec / 3600.0, step = 0.97 * side;
  const FrameState state = frame_state(o_, file);
  DetectorWcs wcs;
  wcs.crval = {30.0 + static_cast<double>(4 * tile + (pointing & 1)) * step + state.dither_x / 3600.0,
               static_cast<double>((pointing >> 1) & 1) * step + state.dither_y / 3600.0};
  wcs.is_zpn = file.number % 4 != 3;
  wcs.pv3 = wcs.is_zpn ? bands[file.filter].pv3 : 0.0;
  // North up and east left, turned by 90 degrees from detector to detector, and by a little besides, as cameras are mounted.
  constexpr double quarter_cos[] = {1.0, 0.0, -1.0, 0.0}, quarter_sin[] = {0.0, 1.0, 0.0, -1.0}, tilt = 0.004;
  const double c = quarter_cos[detector] - tilt * quarter_sin[detector], s = quarter_sin[detector] + tilt * quarter_cos[detector];
  const double scale = pixel_arcsec / 3600.0;
  wcs.cd = {-scale * c, scale * s, scale * s, scale * c};
  // The centre of the detector is 97 % of a side from the optical axis, east or west and north or south.
  const double east = (detector == 0 || detector == 3 ? 1.0 : -1.0) * 0.97 * static_cast<double>(o_.size);
  const double north = (detector < 2 ? -1.0 : 1.0) * 0.97 * static_cast<double>(o_.size);
  const double middle = 0.5 * (static_cast<double>(o_.size) + 1.0);
  wcs.crpix = {middle + c * east - s * north, middle - s * east - c * north};
  return wcs;
}

}  // namespace skyfold
