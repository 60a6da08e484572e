// The endings of file names: what they tell, and the one that a product should have.
#include "endings.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <map>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

const char* usual_ending(FileKind kind) {
  switch (kind) {
    case FileKind::hdf5:
      return ".h5";
    case FileKind::fits:
      return ".fits";
    case FileKind::html:
      return ".html";
    case FileKind::json:
      return ".json";
    default:
      return ".txt";
  }
}

}  // namespace

std::optional<FileKind> kind_by_ending(const std::string& path) {
  // Kinds that no product has are known, too: a table that is asked for as x.png is a mistake. An ending that is not listed,
  // such as .cat, tells nothing, and any kind may be written under it.
  static const std::map<std::string, FileKind> kinds = {
      {".h5", FileKind::hdf5},   {".hdf5", FileKind::hdf5}, {".hdf", FileKind::hdf5},  {".he5", FileKind::hdf5},
      {".fits", FileKind::fits}, {".fit", FileKind::fits},  {".fts", FileKind::fits},  {".csv", FileKind::text},
      {".tsv", FileKind::text},  {".txt", FileKind::text},  {".dat", FileKind::text},  {".asc", FileKind::text},
      {".ecsv", FileKind::text}, {".html", FileKind::html}, {".htm", FileKind::html},  {".json", FileKind::json},
      {".gz", FileKind::other},  {".bz2", FileKind::other}, {".xz", FileKind::other},  {".zip", FileKind::other},
      {".svg", FileKind::other}, {".png", FileKind::other}, {".pdf", FileKind::other}, {".parquet", FileKind::other},
      {".vot", FileKind::other}, {".xml", FileKind::other}, {".ini", FileKind::other}, {".db", FileKind::other},
      {".npy", FileKind::other}, {".npz", FileKind::other}};
  const auto found = kinds.find(lower(std::filesystem::path(path).extension().string()));
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

const char* name_of(FileKind kind) {
  switch (kind) {
    case FileKind::hdf5:
      return "HDF5";
    case FileKind::fits:
      return "FITS";
    case FileKind::text:
      return "text";
    case FileKind::html:
      return "HTML";
    case FileKind::json:
      return "JSON";
    case FileKind::other:
      break;
  }
  return "something else";
}

void check_ending(const std::string& option, const std::string& path, FileKind kind, const std::string& hint) {
  const auto told = kind_by_ending(path);
  if (path.empty() || path == "none" || kind == FileKind::other || !told || *told == kind) return;
  std::filesystem::path better(path);
  // All known endings go, so that x.fits.gz is called x.h5, not x.fits.h5.
  while (kind_by_ending(better.string())) better.replace_extension();
  throw UsageError(fmt::format("--{} {}: is written as {}, and its ending tells of {} (name it {}{}{})", option, path, name_of(kind),
                               name_of(*told), better.string(), usual_ending(kind), hint.empty() ? "" : "; " + hint));
}

}  // namespace skyfold
