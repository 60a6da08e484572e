// The step from a chunk's extracted detections to a catalogue of the archive. Ids are written over the temporary ones: the same bytes,
// however often; changes of the file's structure can be taken back.
#include "detection_file.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "skyfold/catalogue/finalise.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/row_file.hpp"

namespace skyfold {
namespace {

void write_ids(const std::string& path, const std::vector<DetectionRange>& ranges) {
  RowWriter writer(path);
  const std::size_t column = find_column(writer.schema(), "id").value();
  std::vector<std::int64_t> ids;
  for (const DetectionRange& range : ranges) {
    ids.resize(static_cast<std::size_t>(range.rows));
    std::iota(ids.begin(), ids.end(), range.first_id);
    writer.write(column, range.first_row, std::as_bytes(std::span(ids)));
  }
  writer.sync();
}

}  // namespace

std::string publish_detections(const std::string& extracted, const std::string& path, const std::vector<DetectionRange>& ranges) {
  // Not there: an attempt that was killed later has published it.
  if (std::filesystem::exists(extracted)) {
    roll_back(extracted);
    write_ids(extracted, ranges);
    fault_point("ids written");
    finalise_catalogue_alone(extracted);
    sync_path(extracted);
    (void)remove_file(extracted + ".undo");
    put_in_place(extracted, path);
    fault_point("detections published");
  }
  return bytes_hash(path);
}

std::string bytes_hash(const std::string& path) {
  const File file = File::for_reading(path);
  RunningHash hash;
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  for (std::int64_t at = 0;;) {
    const std::size_t got = file.read_some(at, buffer);
    hash.add(std::span(buffer).first(got));
    at += static_cast<std::int64_t>(got);
    if (got < buffer.size()) return hex64(hash.value());
  }
}

}  // namespace skyfold
