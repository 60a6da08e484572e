#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// A file of a night that is curated.
struct NightFile {
  enum class Kind { image, table };
  std::string name;  ///< "w20260501_00104_st.fit.fz"
  Kind kind = Kind::image;
  std::string stem;  ///< what an image and its table of detections share: "w20260501_00104_st"
};

/// What a file of that name is; an empty name for one that is not curated.
[[nodiscard]] NightFile night_file(const std::string& name);

/// A folder of a night.
struct Night {
  std::string name;                 ///< "20260501_v1"
  std::string folder;               ///< where it is, absolute
  std::vector<NightFile> files;     ///< in order of their names
  std::vector<std::string> others;  ///< names of what is beside them, but for hidden files and the manifest of a transfer
};

/// Whether a folder of that name is a night: YYYYMMDD_vN.
[[nodiscard]] bool is_night(const std::string& name) noexcept;

/// The nights of a tree in canonical order, by name (or the one night that the folder itself is), with their files by name. Names are
/// compared byte by byte: the order is the same on every machine. Throws IoError for a folder that cannot be read, DataError for one
/// without nights.
[[nodiscard]] std::vector<Night> nights_of(const std::string& tree);

}  // namespace skyfold
