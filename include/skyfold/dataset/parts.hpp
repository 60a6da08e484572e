#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/plan/plan.hpp"

namespace skyfold {

struct JobResult;

/// Results that are not one row per driving row: a blob of bytes for each range of driving rows that was computed. What the farm and the
/// journal know of Rows they know of these: they are on the disk before a range is reported done, the journal has their checksums, and an
/// attempt that cuts the work otherwise goes on from them.
///
/// Each process appends its blobs to a file of its own in the folder (docs/formats.md), so that one sync serves all the small jobs that are
/// reported together. Used by the main thread.
class Parts {
 public:
  /// @param folder  of these parts alone; exists
  /// @param kind    what is kept, at most 36 bytes: parts of another kind are not taken for these
  Parts(std::string folder, std::string kind);
  ~Parts();
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

  /// Keeps what belongs to `rows`; adds to bytes and checksum of `result`. It is on the disk after `sync`.
  void keep(RowRange rows, std::string_view blob, JobResult& result);
  /// Notes that rows failed, durably: that nothing belongs to them, unless another attempt keeps something.
  void keep_failed(RowRange rows);
  void sync();
  /// The checksum of what is kept of exactly these rows, chained as JobResult::checksum; none when there is nothing, or only something
  /// damaged. Sees what other processes had synced when it, or `pieces`, was first called.
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange rows, std::uint64_t chained);

  /// Rows for which one blob is taken.
  struct Piece {
    std::size_t blob = 0;  ///< as `read` takes it
    RowRange held;         ///< by the blob
    RowRange rows;         ///< for which it is taken: some of them
    [[nodiscard]] bool is_whole() const noexcept { return held == rows; }
  };
  /// What is kept of exactly these rows, undamaged; none when there is nothing. Sees what `stored_checksum` sees.
  [[nodiscard]] std::optional<Piece> find(RowRange rows);
  /// What covers all rows, once each and in order, but those that failed; whatever was synced by any process until now. Where attempts
  /// have left overlapping blobs, damaged ones are passed over. Throws IoError for rows of which nothing is kept.
  [[nodiscard]] std::vector<Piece> pieces(RowRange all);
  /// The bytes of a blob. Throws IoError when they are not those that were kept.
  [[nodiscard]] std::string read(const Piece& piece) const;

 private:
  class Segment;
  struct Blob {
    std::size_t file = 0;  ///< place in files_
    std::int64_t offset = 0, bytes = 0;
    RowRange rows;
    std::uint64_t checksum = 0;
    bool is_failed = false;
  };
  void scan();
  void scan_file(const std::string& path);
  void append(RowRange rows, std::string_view blob, bool is_failed);
  [[nodiscard]] std::optional<std::string> intact(const Blob& blob) const;
  [[nodiscard]] std::vector<std::size_t> usable(RowRange all);
  [[noreturn]] void miss(std::int64_t row) const;

  std::string folder_, kind_;
  std::unique_ptr<Segment> own_;  ///< where this process appends; made when there is something
  bool is_scanned_ = false;
  std::vector<std::string> files_;
  std::vector<Blob> blobs_;  ///< by first row
  std::string problem_;      ///< the first thing that is wrong with what is there
};

/// Whether Parts makes files of that name in its folder.
[[nodiscard]] bool is_parts_file(std::string_view file_name) noexcept;

}  // namespace skyfold
