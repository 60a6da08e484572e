#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skyfold {

/// Rows of a catalogue of detections that are of one file, and the id of the first of them.
struct DetectionRange {
  std::int64_t first_row = 0, rows = 0, first_id = 0;
};

/// Gives the detections of a chunk their ids, makes a finished catalogue of them, and puts it at its final path; returns its hash (XXH3 of
/// all bytes). May be repeated after a death at any point.
[[nodiscard]] std::string publish_detections(const std::string& extracted, const std::string& path,
                                             const std::vector<DetectionRange>& ranges);

/// XXH3 (64 bit) of all bytes of a file, as hex64. Throws IoError.
[[nodiscard]] std::string bytes_hash(const std::string& path);

}  // namespace skyfold
