#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duckdb_api.hpp"

namespace skyfold::duckdb {

/// What a session may use.
struct SessionLimits {
  std::string memory = "1GB";
  bool may_open_files = true;  ///< those that statements name
};

/// A database in memory with one thread, without extensions, network or files of its own.
class Session {
 public:
  explicit Session(const SessionLimits& limits = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  using Cell = std::optional<std::string>;
  /// All rows of a query whose columns are texts. Throws IoError with DuckDB's message.
  [[nodiscard]] std::vector<std::vector<Cell>> rows(const std::string& sql);
  void run(const std::string& sql);
  [[nodiscard]] Handle connection() const noexcept { return connection_; }

 private:
  Handle database_ = nullptr, connection_ = nullptr;
};

/// A piece of a result: vectors of up to 2,048 rows.
class Chunk {
 public:
  Chunk() = default;
  explicit Chunk(Handle chunk) : chunk_(chunk) {}
  ~Chunk();
  Chunk(Chunk&& other) noexcept;
  Chunk& operator=(Chunk&& other) noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return chunk_ != nullptr; }
  [[nodiscard]] std::size_t rows() const;
  /// Values of a column, and a bit for each that says whether there is one (null: all are there).
  [[nodiscard]] const void* values(std::size_t column) const;
  [[nodiscard]] const std::uint64_t* validity(std::size_t column) const;

 private:
  Handle chunk_ = nullptr;
};

[[nodiscard]] inline bool is_valid(const std::uint64_t* validity, std::size_t row) noexcept {
  return !validity || (validity[row / 64] >> (row % 64) & 1) != 0;
}

/// A query whose rows come one chunk after the other, never all at once.
class Stream {
 public:
  /// Throws IoError with DuckDB's message.
  Stream(Session& session, const std::string& sql);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  /// An empty one at the end. Throws IoError.
  [[nodiscard]] Chunk next();

 private:
  Handle statement_ = nullptr;
  Result result_{};
};

}  // namespace skyfold::duckdb
