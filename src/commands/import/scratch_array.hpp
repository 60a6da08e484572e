#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// A file of 64-bit numbers (whole or real), one per row, that all ranks write and read while an import runs.
class ScratchArray {
 public:
  /// Makes the file: rank 0, before any rank opens it.
  static void create(const std::string& path, std::int64_t rows);
  explicit ScratchArray(const std::string& path) : file_(path) {}
  void write(std::int64_t row, std::span<const std::int64_t> values) { file_.write(row * 8, std::as_bytes(values)); }
  void write(std::int64_t row, std::span<const double> values) { file_.write(row * 8, std::as_bytes(values)); }
  void read(std::int64_t row, std::span<std::int64_t> values) { file_.read(row * 8, std::as_writable_bytes(values)); }
  void read(std::int64_t row, std::span<double> values) { file_.read(row * 8, std::as_writable_bytes(values)); }
  void sync() { file_.sync(); }

 private:
  SharedFile file_;
};

}  // namespace skyfold
