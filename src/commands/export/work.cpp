// Leaves of an export: each has its place, whoever writes it; one that a death cut short is written again from its beginning.
#include "work.hpp"

#include <algorithm>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"

namespace skyfold {
namespace {

std::uint64_t hash_of_file(const std::string& path, std::uint64_t chained) {
  // As a whole: a leaf fits in memory, where it came from.
  const std::string content = read_file(path);
  return hash_bytes(std::as_bytes(std::span(content)), chained);
}

}  // namespace

ExportWork::ExportWork(LeafRows rows, Schema schema, std::vector<Leaf> leaves, std::string root, LeafFormat format)
    : source_(std::move(rows)),
      schema_(std::move(schema)),
      leaves_(std::move(leaves)),
      root_(std::move(root)),
      format_(std::move(format)) {}

std::string ExportWork::path_of(RowRange rows) const {
  const auto leaf = std::ranges::find(leaves_, rows, &Leaf::rows);
  if (leaf == leaves_.end()) throw Error(ExitCode::bug, "a job of an export is no leaf");
  return leaf->place.empty() ? root_ : root_ + "/" + leaf->place;
}

void ExportWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Table& rows = slots_[slot].rows;
  if (rows.columns() == 0) rows = Table(schema_);
  source_.read(block, rows);
  format_.check(rows, source_.from, block.begin);
  result.bytes_read += static_cast<std::int64_t>(rows.rows() * bytes_per_row(schema_));
}

/// Here, since it takes long: the next leaf is read meanwhile, and rank 0 hands out jobs.
void ExportWork::compute(const Job&, RowRange block, int slot) {
  LeafBuffer& leaf = slots_[slot];
  leaf.error = nullptr;
  try {
    if (leaf.rows.rows() > 0 || !source_.may_be_empty) format_.write(path_of(block), leaf.rows);
  } catch (...) {
    // Kept for write(): an error of computing fails the job and would be tried again, one of writing ends the run.
    leaf.error = std::current_exception();
  }
}

void ExportWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const LeafBuffer& leaf = slots_[slot];
  if (leaf.error) std::rethrow_exception(leaf.error);
  result.rows += block.size();
  if (leaf.rows.rows() == 0 && source_.may_be_empty) return;
  const std::string path = path_of(block);
  unsynced_.insert(path);
  result.bytes_written += static_cast<std::int64_t>(std::filesystem::file_size(path));
  result.checksum = hash_of_file(path, result.checksum);
}

void ExportWork::sync() {
  for (const std::string& path : unsynced_) {
    // The file and its name in the folder are two things on the disk.
    sync_path(path);
    sync_path(folder_of(path));
  }
  unsynced_.clear();
}

void ExportWork::mark_failed(RowRange) { throw Error(ExitCode::bug, "a leaf of an export cannot be left out"); }

std::optional<std::uint64_t> ExportWork::stored_checksum(RowRange block, std::uint64_t chained) {
  const std::string path = path_of(block);
  std::error_code error;
  if (std::filesystem::exists(path, error)) return hash_of_file(path, chained);
  // A leaf that is gone has no checksum that a leaf could have had; one that had no rows never had a file.
  return source_.may_be_empty ? chained : ~chained;
}

}  // namespace skyfold
