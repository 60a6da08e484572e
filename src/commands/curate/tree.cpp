// The walk over a tree of nights. All ids follow from this order, so it depends on names alone.
#include "tree.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

bool are_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// wYYYYMMDD_NNNNN: a letter for the camera, the date, the number of the exposure.
bool is_exposure(std::string_view name) noexcept {
  constexpr std::size_t date = 8, number = 5;
  return name.size() >= 1 + date + 1 + number && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
         are_digits(name.substr(1, date)) && name[1 + date] == '_' && are_digits(name.substr(2 + date, number));
}

Night night_at(const std::string& folder) {
  Night night{fs::path(folder).filename().string(), folder, {}, {}};
  for (const std::string& name : names_in(folder)) {
    NightFile file = night_file(name);
    std::error_code error;
    if (!file.name.empty() && fs::is_regular_file(fs::path(folder) / name, error))
      night.files.push_back(std::move(file));
    else if (!name.starts_with('.') && !name.starts_with("manifest"))
      night.others.push_back(name);
  }
  std::sort(night.files.begin(), night.files.end(), [](const NightFile& a, const NightFile& b) { return a.name < b.name; });
  return night;
}

}  // namespace

NightFile night_file(const std::string& name) {
  // The ledger has names in lines, between tabs.
  if (!is_exposure(name) || std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < ' '; })) return {};
  for (const char* ending : {"_cat.fits", "_cat.fit"})
    if (name.ends_with(ending)) return {name, NightFile::Kind::table, name.substr(0, name.rfind("_cat."))};
  for (const std::string_view ending : {".fit.fz", ".fits.fz", ".fits", ".fit"})
    if (name.ends_with(ending)) return {name, NightFile::Kind::image, name.substr(0, name.size() - ending.size())};
  return {};
}

bool is_night(const std::string& name) noexcept {
  constexpr std::size_t date = 8;
  return name.size() > date + 2 && are_digits(std::string_view(name).substr(0, date)) && name.compare(date, 2, "_v") == 0 &&
         are_digits(std::string_view(name).substr(date + 2));
}

std::vector<Night> nights_of(const std::string& tree) {
  const std::string root = canonical_form(tree);
  if (!fs::is_directory(root)) throw IoError(fmt::format("{}: no such folder (a tree of nights is needed)", tree));
  if (is_night(fs::path(root).filename().string())) return {night_at(root)};
  std::vector<std::string> names;
  for (const std::string& name : names_in(root))
    if (is_night(name) && fs::is_directory(fs::path(root) / name)) names.push_back(name);
  if (names.empty()) throw DataError(fmt::format("{}: no nights in it (their folders are named YYYYMMDD_vN)", tree));
  std::sort(names.begin(), names.end());
  std::vector<Night> nights;
  for (const std::string& name : names) nights.push_back(night_at((fs::path(root) / name).string()));
  return nights;
}

}  // namespace skyfold
