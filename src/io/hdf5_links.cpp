// Keeps reading within one file: links to other files, virtual datasets and external storage are refused, since they could show
// any file of the user that reads as part of the one that was given to him.
#include "hdf5_links.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr int most_links = 32;                 // soft links may lead in circles
constexpr std::size_t longest_target = 65536;  // bytes

std::string joined(const std::string& above, const std::string& name) {
  return above.empty() || above.ends_with('/') ? above + name : above + "/" + name;
}

/// What a link that is none to this file's objects says of itself.
std::string target_of(hid_t group, const std::string& link, const H5L_info_t& info) {
  if (info.u.val_size == 0 || info.u.val_size > longest_target) return "";
  std::vector<char> value(info.u.val_size + 1, '\0');
  if (H5Lget_val(group, link.c_str(), value.data(), info.u.val_size, H5P_DEFAULT) < 0) return "";
  return value.data();
}

void follow(const std::string& path, hid_t group, const std::string& name, int& links) {
  std::string above = name.starts_with('/') ? "/" : "";
  for (const std::string& part : split(name, '/')) {
    if (part.empty() || part == ".") continue;
    // Part by part: a link may stand anywhere on the way.
    const std::string step = joined(above, part);
    H5L_info_t info;
    if (H5Lget_info(group, step.c_str(), &info, H5P_DEFAULT) < 0) throw DataError(fmt::format("{}: {} is not there", path, step));
    if (info.type == H5L_TYPE_SOFT) {
      const std::string target = target_of(group, step, info);
      if (++links > most_links) throw DataError(fmt::format("{}: link {} leads in a circle", path, step));
      try {
        follow(path, group, target.starts_with('/') ? target : joined(above, target), links);
      } catch (const DataError&) {
        throw DataError(fmt::format("{}: link {} leads to {}, which is not there", path, step, target));
      }
    } else if (info.type != H5L_TYPE_HARD) {
      throw ForeignBytesError(fmt::format("{}: {} is a link to another file", path, step));
    }
    above = step;
  }
}

}  // namespace

void check_own_path(const std::string& path, hid_t group, const std::string& name) {
  int links = 0;
  follow(path, group, name, links);
}

void check_own_values(const std::string& path, hid_t dataset, const std::string& name) {
  const Hdf5Properties creation(H5Dget_create_plist(dataset), fmt::format("{}: {} cannot be opened (damaged?)", path, name));
  if (H5Pget_layout(creation) == H5D_VIRTUAL)
    throw ForeignBytesError(fmt::format("{}: dataset {} is virtual, a view of others", path, name));
  if (H5Pget_external_count(creation) == 0) return;
  char file[4096] = "";
  H5Pget_external(creation, 0, sizeof file - 1, file, nullptr, nullptr);
  throw ForeignBytesError(fmt::format("{}: the values of dataset {} are in file {}", path, name, file));
}

Hdf5Dataset open_own_dataset(const std::string& path, hid_t group, const std::string& name, const std::string& what) {
  check_own_path(path, group, name);
  Hdf5Dataset dataset(H5Dopen2(group, name.c_str(), H5P_DEFAULT), what);
  check_own_values(path, dataset, name);
  return dataset;
}

bool refuse_external_links() { return H5Lunregister(H5L_TYPE_EXTERNAL) >= 0; }

}  // namespace skyfold
