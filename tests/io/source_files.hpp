#pragma once

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/io/source.hpp"

/// What the tests of the input readers share: files made on the fly, whole tables, messages of errors.
namespace skyfold::source_tests {

using testing_support::Folder;

inline std::string content_of(const std::string& path) { return testing_support::read_file(path); }

/// All columns of an input, piece by piece, put together.
inline Table read_all(const Source& source, std::vector<BadCell>& bad, std::int64_t rows_per_piece = 1000) {
  Table all(source.schema(), static_cast<std::size_t>(source.rows()));
  Table part(source.schema());
  for (const Piece& piece : source.pieces(rows_per_piece)) {
    source.read(piece, part, bad);
    for (std::size_t c = 0; c < part.columns(); ++c) {
      const std::size_t begin = static_cast<std::size_t>(piece.first_row) * part[c].info().bytes_per_row();
      std::copy(part[c].bytes().begin(), part[c].bytes().end(), all[c].bytes().subspan(begin).begin());
    }
  }
  return all;
}
inline Table read_all(const Source& source, std::int64_t rows_per_piece = 1000) {
  std::vector<BadCell> bad;
  Table all = read_all(source, bad, rows_per_piece);
  EXPECT_TRUE(bad.empty()) << bad.front().column << ": " << bad.front().problem;
  return all;
}
inline Table read_file(const std::string& path, const SourceOptions& o = {}) { return read_all(*open_source(path, o)); }

/// The message of the error that the action ends with; its kind must be E.
template <class E, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const E& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of error: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no error";
  return "";
}
template <class E>
std::string open_error(const std::string& path, const SourceOptions& o = {}) {
  return message_of<E>([&] { static_cast<void>(open_source(path, o)); });
}

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A file of the shared real data, or "" when they are not there.
inline std::string shared_file(const std::string& name) {
  const char* folder = std::getenv("SKYFOLD_SHARED_DATA");
  const std::string path = (folder ? std::string(folder) : std::string(SKYFOLD_SOURCE_DIR) + "/../shared/data") + "/" + name;
  return std::filesystem::exists(path) ? path : "";
}

}  // namespace skyfold::source_tests

/// Skips the test when a file of the shared data is absent.
#define SKYFOLD_NEED_SHARED(variable, name)                              \
  const std::string variable = skyfold::source_tests::shared_file(name); \
  if (variable.empty()) GTEST_SKIP() << "shared data are absent: " << name
