#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/table/header_card.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// What nights of an infrared camera to make (docs/mock.md says how); section `night` of the configuration of mock. A real night of WFCAM
/// has 3,000 files of four images and 3 million detections; the defaults are a hundredth of it.
struct NightMockOptions {
  long nights = 1;
  long files = 30;                   ///< multi-extension files a night, each with its table of detections
  long detections = 30'000;          ///< a night, about
  long size = 256;                   ///< pixels on a side of each image
  double compressed = 0.5;           ///< part of the image files that are Rice-compressed
  long damaged = 6;                  ///< damaged on purpose in all nights, in turn of `NightDamage`
  std::string first = "2026-05-01";  ///< date of the first night
  long seed = 1;
};
/// Describes all but the seed, which mock has for every kind.
void describe(OptionSet& option, NightMockOptions& o);
/// Throws UsageError.
void check(const NightMockOptions& o);

enum class NightDamage { none, truncated, wrong_checksum, duplicate_keyword, missing_extension, empty_table, night_without_files };
[[nodiscard]] std::string name_of(NightDamage damage);

/// The projection of a detector: RA---ZPN (Calabretta & Greisen 2002, section 5.1.7, with PV2_1 and PV2_3) or RA---TAN.
struct DetectorWcs {
  std::array<double, 2> crval{}, crpix{};  ///< degrees, pixels from 1
  std::array<double, 4> cd{};              ///< CD1_1, CD1_2, CD2_1, CD2_2, degrees
  double pv3 = 0.0;                        ///< PV2_3 of ZPN
  bool is_zpn = true;
  /// Position in degrees of a pixel, and the other way round.
  [[nodiscard]] std::array<double, 2> sky(double x, double y) const noexcept;
  [[nodiscard]] std::array<double, 2> pixel(double ra, double dec) const noexcept;
};

/// Nights of a camera like WFCAM (Casali et al. 2007, A&A 467, 777): four detectors with gaps, turned by 90 degrees from one to the next,
/// that look at a strip of sky in three filters, night after night. Every value is a function of the options and of the file alone.
class NightMock {
 public:
  static constexpr int detectors = 4;
  struct File {
    std::int64_t night = 0, number = 0;  ///< from 0; number within the night
    std::string folder, name;            ///< "20260501_v1", "w20260501_00104_st": without ending
    int filter = 0;
    bool is_compressed = false;
    NightDamage damage = NightDamage::none;
    [[nodiscard]] std::string image() const { return folder + "/" + name + (is_compressed ? ".fit.fz" : ".fit"); }
    [[nodiscard]] std::string table() const { return folder + "/" + name + "_cat.fits"; }
    /// Whether the damage is in the table, not in the image.
    [[nodiscard]] bool has_damaged_table() const { return damage == NightDamage::empty_table; }
  };

  explicit NightMock(const NightMockOptions& o);

  [[nodiscard]] const std::vector<File>& files() const noexcept { return files_; }
  /// Folders, in order, those without files among them.
  [[nodiscard]] const std::vector<std::string>& folders() const noexcept { return folders_; }
  [[nodiscard]] std::vector<std::string> empty_folders() const;
  [[nodiscard]] static std::string filter_name(int filter);
  [[nodiscard]] std::int64_t size() const noexcept { return o_.size; }

  /// Cards of the primary header, of image and table the same.
  [[nodiscard]] HeaderCards primary_cards(const File& file) const;
  /// What one detector saw.
  struct Exposure {
    HeaderCards image_cards, table_cards;
    std::vector<std::int32_t> pixels;  ///< row by row, ADU
    Table detections;                  ///< the 80 columns of CASU's tables
  };
  [[nodiscard]] Exposure expose(const File& file, int detector) const;

 private:
  struct Star;
  struct Seen;
  [[nodiscard]] Seen seen(const File& file, int detector) const;
  [[nodiscard]] std::vector<Star> stars_in(const DetectorWcs& wcs) const;
  void measure(const Seen& seen, const File& file, Table& table, std::uint64_t key) const;
  [[nodiscard]] DetectorWcs wcs_of(const File& file, int detector) const;

  NightMockOptions o_;
  std::vector<File> files_;
  std::vector<std::string> folders_;
  double density_ = 0.0;  ///< stars per cell of the sky
};

}  // namespace skyfold
