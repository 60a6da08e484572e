// Files that are known, but not read: told by their first bytes, with what to do about them. Endings of names are not believed.
#include "skyfold/io/foreign.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "gzip.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "source_file.hpp"
#include "source_votable.hpp"

namespace skyfold {
namespace {

/// Files that are tables of another kind, known by their first bytes.
struct Foreign {
  std::string_view magic;
  std::string_view what;
};
// Each with what to do about it: the alternative is a reader for text that complains of the first line, which is none.
constexpr std::array foreign_formats = {
    Foreign{"\x1f\x8b", "gzip-compressed (decompress it first, with gunzip: it is read by position)"},
    Foreign{"\x1f\x9d", "compressed (decompress it first, with uncompress: it is read by position)"},
    Foreign{"BZh", "bzip2-compressed (decompress it first, with bunzip2: it is read by position)"},
    Foreign{"\xFD"
            "7zXZ",
            "xz-compressed (decompress it first, with unxz: it is read by position)"},
    Foreign{"\x28\xB5\x2F\xFD", "zstd-compressed (decompress it first, with unzstd: it is read by position)"},
    Foreign{"\x04\x22\x4D\x18", "lz4-compressed (decompress it first, with unlz4: it is read by position)"},
    Foreign{"PK\x03\x04", "a zip archive (unpack it first)"},
    Foreign{"7z\xBC\xAF\x27\x1C", "a 7z archive (unpack it first)"},
    Foreign{"ARROW1", "Apache Arrow (convert it to FITS, HDF5 or CSV)"},
    Foreign{"\x93NUMPY", "an array of numpy (convert it to FITS, HDF5 or CSV)"},
    Foreign{"#ASDF", "ASDF (convert it to FITS, HDF5 or CSV)"},
    Foreign{"SQLite format 3", "an SQLite database (convert it to FITS, HDF5 or CSV)"},
    Foreign{"\xD0\xCF\x11\xE0", "a document of Microsoft Office (convert it to CSV)"},
    Foreign{"<?xml", "XML, but no VOTable (convert it to FITS, HDF5 or CSV)"},
};

constexpr std::string_view fits_mark = "SIMPLE  =";
constexpr std::int64_t archive_mark = 257;  // of tar, in the header of the first file

}  // namespace

void refuse_foreign(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error || !std::filesystem::exists(status) || std::filesystem::is_directory(status)) return;
  // Of an empty file the reader for text says what is missing.
  if (std::filesystem::is_regular_file(status) && std::filesystem::file_size(path, error) == 0) return;
  const InputFile file(path);
  const std::string start = file.text_at(0, 16);
  // Surveys deliver .fits.gz, and CFITSIO's users expect them to be read: these are unpacked (fits_copy.cpp).
  if (is_votable(file.text_at(0, votable_start))) return;
  if (is_gzip(file) && unpacked_start(file, fits_mark.size()) == fits_mark) return;
  for (const Foreign& foreign : foreign_formats)
    if (start.starts_with(foreign.magic)) throw IoError(fmt::format("{}: is {}", path, foreign.what));
  if (file.text_at(archive_mark, 5) == "ustar") throw IoError(fmt::format("{}: is a tar archive (unpack it first)", path));
}

Container container_of(const std::string& path) {
  if (std::error_code error; std::filesystem::is_directory(path, error)) return Container::other;
  char start[8] = {};
  (void)File::for_reading(path).read_some(0, std::as_writable_bytes(std::span(start)));
  if (std::equal(start, start + 8, "\x89HDF\r\n\x1a\n")) return Container::hdf5;
  return std::equal(start, start + 8, "SIMPLE  ") ? Container::fits : Container::other;
}

}  // namespace skyfold
