// Opens an input table of any format, told by its content, and makes lists of input files of what the user wrote.
#include "skyfold/io/source.hpp"

#include <fmt/core.h>

#include <array>
#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>
#include <string_view>

#include "gzip.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/input_names.hpp"
#include "source_file.hpp"
#include "source_fits.hpp"
#include "source_folder.hpp"
#include "source_hdf5.hpp"
#include "source_masked.hpp"
#include "source_notes.hpp"
#include "source_parquet.hpp"
#include "source_text.hpp"
#include "source_votable.hpp"

namespace skyfold {
namespace {

/// "fits", "hdf5", "parquet", "votable" or "text", by content. Throws IoError for formats that are known but not read.
std::string content_of(const std::string& path) {
  const InputName name = input_name(path);
  if (std::filesystem::is_directory(name.file)) return "parquet";  // what else folders hold is told when they are opened
  refuse_foreign(name.file);
  const InputFile file(name.file);
  const std::string start = file.text_at(0, 16);
  if (start.starts_with("SIMPLE  =") || is_gzip(file)) return "fits";  // other files of gzip are foreign
  if (!name.brackets.empty()) throw IoError(fmt::format("{}: is not FITS (only FITS files take a selection in brackets)", path));
  if (start.starts_with("PAR1")) return "parquet";
  if (is_votable(file.text_at(0, votable_start))) return "votable";
  return is_hdf5(file) ? "hdf5" : "text";
}

const char* name_of_content(const std::string& content) {
  return content == "fits"      ? "FITS"
         : content == "hdf5"    ? "HDF5"
         : content == "parquet" ? "Parquet"
         : content == "votable" ? "VOTable"
                                : "text";
}

void check_format(const std::string& path, const std::string& wanted, const std::string& content) {
  const std::string expected = wanted == "csv" ? "text" : wanted;
  if (wanted == "auto" || expected == content) return;
  const char* found = content == "text" ? "neither FITS nor HDF5 nor Parquet" : name_of_content(content);
  throw IoError(fmt::format("{}: is {} by its first bytes (input.format = {})", path, found, wanted));
}

/// Says which options have no part in reading a file of this kind; inputs of several kinds may share options.
void remark_idle_options(const std::string& content, const SourceOptions& o) {
  const auto remark = [&](const char* option, bool is_set, const char* kind) {
    if (is_set && content != kind)
      note_once(fmt::format("input.{} has no part in reading inputs that are {}", option, name_of_content(content)));
  };
  remark("hdu", !o.hdu.empty(), "fits");
  remark("group", !o.group.empty(), "hdf5");
  remark("delimiter", !o.delimiter.empty(), "text");
  remark("columns", !o.columns.empty(), "text");
  remark("text", !o.text.empty(), "text");
}

std::string delimiter_for(const SourceOptions& o) {
  if (o.format == "text" && o.delimiter.empty()) return " ";
  return o.delimiter;
}

void add_list(const std::filesystem::path& list, std::vector<std::string>& files) {
  // A pipe or a folder in place of a list would be read for ever, or not at all.
  if (std::filesystem::exists(list)) require_file(list.string());
  std::istringstream in(read_file(list.string()));
  for (std::string line; std::getline(in, line);) {
    const std::string name(trim(line));
    if (name.empty() || name.front() == '#') continue;
    // Relative to the list, not to where the command runs: lists are kept beside what they name.
    files.push_back((list.parent_path() / name).string());
  }
}

}  // namespace

void describe(OptionSet& option, SourceOptions& o) {
  option("input.format", o.format, "format of the inputs; auto looks at their first bytes")
      .one_of({"auto", "fits", "csv", "text", "hdf5", "parquet", "votable"});
  option("input.hdu", o.hdu, "FITS: number or EXTNAME of the table; empty for the objects: the largest table with coordinates");
  option("input.group", o.group, "HDF5: group or compound dataset; empty for the only table of the file");
  option("input.delimiter", o.delimiter, "csv: one character or 'tab'; empty to guess from the header line");
  option("input.columns", o.columns, "text: names of all columns, in order, where the header is wrong or absent; empty: the header's");
  option("input.coordinates", o.coordinates,
         "unit of the coordinates (deg, rad, hour, arcmin, arcsec, mas; two: of longitude and latitude); empty: as the input says");
  option("input.text", o.text, "text: columns whose cells stay text though they look like numbers, such as ids with leading zeros");
}

void note_once(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  // A remark on a column comes from every piece and thread that reads it.
  const std::lock_guard lock(mutex);
  if (said.insert(message).second) log_info(message);
}

std::string Source::mixture(std::size_t) const { return ""; }
bool Source::is_void(std::size_t) const { return false; }
const std::string& Source::header_remark() const noexcept {
  static const std::string none;
  return none;
}

std::vector<std::string> scan_here(std::size_t count, const std::function<std::string(std::size_t)>& unit) {
  std::vector<std::string> results;
  for (std::size_t i = 0; i < count; ++i) results.push_back(unit(i));
  return results;
}

std::unique_ptr<Source> open_source(const std::string& path, const SourceOptions& o, const ScanRunner& run) {
  const std::string content = content_of(path);
  // A format that was asked for and is not there is refused: guessing on would read nonsense.
  check_format(path, o.format, content);
  remark_idle_options(content, o);
  // By content, never by name: surveys call FITS files .cat and text files .fits.
  if (content == "fits") return with_masks(open_fits_source(path, o.hdu), false);
  if (content == "parquet") return std::filesystem::is_directory(path) ? open_folder_source(path, run) : open_parquet_source(path, run);
  if (content == "votable") return with_masks(open_votable_source(path), false);
  if (content == "hdf5") return with_masks(open_hdf5_source(path, o.group, run), false);
  return with_masks(open_text(path, {delimiter_for(o), o.columns, o.text}, run), true);
}

std::vector<std::string> input_files(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  for (const std::string& argument : whole_names(arguments)) {
    // A file whose name begins with @ is a file first.
    if (argument.starts_with('@') && !std::filesystem::exists(argument))
      add_list(argument.substr(1), files);
    else if (argument.ends_with(".lst"))
      add_list(argument, files);
    else
      files.push_back(argument);
  }
  if (files.empty()) throw UsageError("no input files (name at least one, or a list as @list.txt)");
  for (const std::string& file : files)
    if (!std::filesystem::exists(input_file(file)))
      throw IoError(fmt::format("{}: no such file{}", file, file.find("://") == std::string::npos ? "" : " (addresses are not read)"));
  return files;
}

}  // namespace skyfold
