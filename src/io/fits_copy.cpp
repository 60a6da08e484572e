// Plain copies of FITS tables. CFITSIO sees names of open descriptors only, never one that a user wrote: neither its drivers for
// addresses, pipes and shared memory nor its syntax for files to be written can be reached.
#include "fits_copy.hpp"

#include <fitsio.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>

#include "gzip.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_child.hpp"

namespace skyfold {
namespace {

/// Copies stay open as long as their source, and there may be as many as inputs: the system's upper limit counts.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  constexpr rlim_t enough = 65'536;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, enough));
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string folder_for_copies() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error)
    throw IoError(fmt::format("{}: the folder for temporary files (TMPDIR) cannot be used ({})", folder.string(), error.message()));
  return folder.string();
}

/// A new file that nobody else can open.
File file_without_name() {
  allow_many_files();
  std::string path = folder_for_copies() + "/skyfold-XXXXXX";
  const int descriptor = mkstemp(path.data());
  if (descriptor < 0)
    throw IoError(fmt::format("{}, the folder for temporary files (TMPDIR): {}", folder_for_copies(), std::strerror(errno)));
  ::close(descriptor);
  File file = File::for_update(path);
  unlink(path.c_str());
  return file;
}

/// Makes a copy; what goes wrong in it is told with the name of the input.
std::shared_ptr<const InputFile> copy_of(const std::string& path, const std::function<void(const File&)>& fill) {
  try {
    File copy = file_without_name();
    fill(copy);
    return std::make_shared<const InputFile>(std::move(copy), path);
  } catch (const IoError& error) {
    if (std::string_view(error.what()).starts_with(path)) throw;
    throw IoError(fmt::format("{}: no plain copy can be made of it ({})", path, error.what()));
  }
}

/// A primary HDU without data, for the tables that follow.
void write_primary(const File& file) {
  std::string header;
  for (const char* card : {"SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    0",
                           "EXTEND  =                    T", "END"})
    header += fmt::format("{:<80}", card);
  header.resize(2880, ' ');
  file.write(0, header);
}

struct CloseFits {
  void operator()(fitsfile* file) const noexcept {
    int status = 0;
    fits_close_file(file, &status);
  }
};
using FitsFile = std::unique_ptr<fitsfile, CloseFits>;

/// What CFITSIO says about an error: its name, and what it wrote about it first.
std::string reason(int status) {
  std::array<char, FLEN_STATUS> name{};
  std::array<char, FLEN_ERRMSG> first{};
  fits_get_errstatus(status, name.data());
  fits_read_errmsg(first.data());
  return first[0] == '\0' ? std::string(name.data()) : fmt::format("{}: {}", name.data(), first.data());
}

/// Whether a filter is to blame: its syntax, types and names.
bool is_of_filter(int status) {
  return (status >= PARSE_SYNTAX_ERR && status <= PARSE_BAD_OUTPUT) || status == COL_NOT_FOUND || status == URL_PARSE_ERROR;
}

void check(int status, const std::string& path) {
  if (status == 0) return;
  // What the user wrote is an error of usage, what the file holds one of data, and a full disk is neither: three exit codes.
  if (is_of_filter(status)) throw UsageError(fmt::format("{}: what stands in brackets cannot be applied ({})", path, reason(status)));
  if (status == WRITE_ERROR || status == MEMORY_ALLOCATION)
    throw IoError(fmt::format("{}: no plain copy can be made of it in {} ({})", path, folder_for_copies(), reason(status)));
  throw DataError(fmt::format("{}: CFITSIO cannot read it ({})", path, reason(status)));
}

FitsFile opened(const std::string& place, int mode, const std::string& path) {
  fitsfile* raw = nullptr;
  int status = 0;
  fits_open_diskfile(&raw, place.c_str(), mode, &status);
  check(status, path);
  return FitsFile(raw);
}

/// Processor time in which a copy must be made: a damaged file could make the library loop.
unsigned most_cpu_s(std::int64_t bytes) { return static_cast<unsigned>(std::min<std::int64_t>(10 + bytes / 1'000'000, 86'400)); }

/// The name of an open file that needs no reading of names.
std::string place_of(const File& file) { return fmt::format("/proc/self/fd/{}", file.descriptor()); }

/// Lets CFITSIO fill a copy in a child process: `fill` gets the place of the file and the copy.
std::shared_ptr<const InputFile> copy_by_cfitsio(const InputFile& file, const std::string& shown,
                                                 const std::function<void(const std::string&, fitsfile*)>& fill) {
  return copy_of(shown, [&](const File& copy) {
    write_primary(copy);
    const std::shared_ptr<const File> from = file.open();
    const auto work = [&] {
      FitsFile out = opened(place_of(copy), READWRITE, shown);
      fill(place_of(*from), out.get());
      int status = 0;
      fits_close_file(out.release(), &status);
      check(status, shown);
      return std::string();
    };
    (void)run_in_child(work, shown + ": is damaged (the CFITSIO library crashes on it)", most_cpu_s(file.size()));
  });
}

/// Words by which a filter could read another file, and those that give other rows each time (CFITSIO User's Reference Guide, chapter 10).
constexpr std::array file_openers = {"gtifilter", "gtifind", "gtioverlap", "regfilter", "@", "://"};
constexpr const char* random_numbers = "random";

bool is_column_filter(const std::string& filter) { return lower(trim(filter)).starts_with("col "); }

/// A table as it is, or with the columns that a filter gives it: CFITSIO applies these to a copy in memory when it opens a file.
FitsFile opened_with_columns(const std::string& place, std::int64_t hdu, const std::vector<std::string>& filters, const std::string& path) {
  // CFITSIO's extended syntax is used here, after check_filter: with the name of a descriptor, and nothing of the user's but
  // what stands in the brackets.
  std::string name = fmt::format("file://{}[{}]", place, hdu);
  for (const std::string& filter : filters)
    if (is_column_filter(filter)) name += fmt::format("[{}]", filter);
  if (name.size() >= FLEN_FILENAME) throw UsageError(fmt::format("{}: what stands in brackets is too long", path));
  fitsfile* raw = nullptr;
  int status = 0;
  fits_open_file(&raw, name.c_str(), READONLY, &status);
  check(status, path);
  return FitsFile(raw);
}

/// All row filters at once.
std::string row_filter(const std::vector<std::string>& filters) {
  std::string all;
  for (const std::string& filter : filters)
    if (!is_column_filter(filter)) all += fmt::format("{}({})", all.empty() ? "" : " && ", filter);
  return all;
}

/// Appends the table with the rows that are selected, or all of them.
void append_rows(fitsfile* in, fitsfile* out, const std::string& rows, const std::string& path) {
  int status = 0;
  if (rows.empty()) {
    fits_copy_hdu(in, out, 0, &status);
    return check(status, path);
  }
  LONGLONG none = 0;
  fits_copy_header(in, out, &status);
  fits_update_key(out, TLONGLONG, "NAXIS2", &none, nullptr, &status);
  fits_update_key(out, TLONGLONG, "PCOUNT", &none, nullptr, &status);
  fits_set_hdustruc(out, &status);
  fits_select_rows(in, out, const_cast<char*>(rows.c_str()), &status);
  check(status, path);
}

/// A plain copy of a packed HDU, which one of CFITSIO's functions makes.
std::shared_ptr<const InputFile> uncompressed_hdu(const InputFile& file, std::int64_t hdu, int (*unpack_hdu)(fitsfile*, fitsfile*, int*)) {
  return copy_by_cfitsio(file, file.path(), [&](const std::string& place, fitsfile* out) {
    const FitsFile in = opened(place, READONLY, file.path());
    int status = 0;
    fits_movabs_hdu(in.get(), static_cast<int>(hdu) + 1, nullptr, &status);
    unpack_hdu(in.get(), out, &status);
    check(status, file.path());
  });
}

}  // namespace

std::shared_ptr<const InputFile> open_fits(const std::string& path, const std::string& shown) {
  auto file = std::make_shared<const InputFile>(path);
  if (!is_gzip(*file)) return file;
  return copy_of(shown, [&](const File& copy) { unpack(*file, copy); });
}

std::shared_ptr<const InputFile> uncompressed_table(const InputFile& file, std::int64_t hdu) {
  return uncompressed_hdu(file, hdu, fits_uncompress_table);
}

std::shared_ptr<const InputFile> uncompressed_image(const InputFile& file, std::int64_t hdu) {
  return uncompressed_hdu(file, hdu, fits_img_decompress);
}

void check_filter(const std::string& filter, const std::string& shown) {
  const std::string text = lower(trim(filter));
  for (const char* opener : file_openers)
    if (text.find(opener) != std::string::npos)
      throw UsageError(fmt::format("{}: '{}' in brackets is refused (it could read other files or addresses)", shown, opener));
  if (text.find(random_numbers) != std::string::npos)
    throw UsageError(fmt::format("{}: '{}' in brackets is refused (each rank would have other rows)", shown, random_numbers));
}

std::shared_ptr<const InputFile> selected_table(const InputFile& file, std::int64_t hdu, const std::vector<std::string>& filters,
                                                const std::string& shown) {
  const bool has_columns = std::any_of(filters.begin(), filters.end(), is_column_filter);
  return copy_by_cfitsio(file, shown, [&](const std::string& place, fitsfile* out) {
    FitsFile in = has_columns ? opened_with_columns(place, hdu, filters, shown) : opened(place, READONLY, shown);
    int status = 0;
    if (!has_columns) fits_movabs_hdu(in.get(), static_cast<int>(hdu) + 1, nullptr, &status);
    check(status, shown);
    append_rows(in.get(), out, row_filter(filters), shown);
    for (const char* sum : {"DATASUM", "CHECKSUM"})  // of other rows
      if (fits_delete_key(out, sum, &status) == KEY_NO_EXIST) status = 0;
    fits_clear_errmsg();
  });
}

std::shared_ptr<const InputFile> plain_table(const std::string& path,
                                             const std::function<void(const std::function<void(std::string_view)>& add)>& fill) {
  return copy_of(path, [&](const File& out) {
    write_primary(out);
    std::int64_t end = 2880;
    fill([&](std::string_view bytes) {
      out.write(end, bytes);
      end += std::ssize(bytes);
    });
  });
}

}  // namespace skyfold
