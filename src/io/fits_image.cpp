// Images of FITS files, by CFITSIO in a child process (docs/decisions/0009: damaged files cannot crash a run).
#include "skyfold/io/fits_image.hpp"

#include <fitsio.h>
#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "source_child.hpp"

namespace skyfold {
namespace {

struct CloseImage {
  void operator()(fitsfile* file) const noexcept {
    int status = 0;
    fits_close_file(file, &status);
  }
};
using OpenFits = std::unique_ptr<fitsfile, CloseImage>;

void check_image(int status, const std::string& place) {
  if (status == 0) return;
  std::array<char, FLEN_STATUS> name{};
  std::array<char, FLEN_ERRMSG> first{};
  fits_get_errstatus(status, name.data());
  fits_read_errmsg(first.data());
  throw DataError(fmt::format("{}: cannot be read (CFITSIO: {}{}{})", place, name.data(), first[0] == '\0' ? "" : ": ", first.data()));
}

std::optional<double> real_key(fitsfile* file, const char* key) {
  int status = 0;
  double value = 0.0;
  fits_read_key(file, TDOUBLE, key, &value, nullptr, &status);
  fits_clear_errmsg();
  return status == 0 && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string text_key(fitsfile* file, const char* key) {
  int status = 0;
  std::array<char, FLEN_VALUE> value{};
  fits_read_key(file, TSTRING, key, value.data(), nullptr, &status);
  fits_clear_errmsg();
  return status == 0 ? std::string(value.data()) : "";
}

/// The linear part of the projection (Greisen & Calabretta 2002, A&A 395, 1061), RA first.
std::optional<std::array<double, 4>> sky_steps(fitsfile* file) {
  const std::string first = text_key(file, "CTYPE1"), second = text_key(file, "CTYPE2");
  const bool is_usual = first.starts_with("RA--") && second.starts_with("DEC-");
  if (!is_usual && !(first.starts_with("DEC-") && second.starts_with("RA--"))) return std::nullopt;
  std::array<double, 4> cd{};
  if (const auto cd11 = real_key(file, "CD1_1"), cd12 = real_key(file, "CD1_2"), cd21 = real_key(file, "CD2_1"),
      cd22 = real_key(file, "CD2_2");
      cd11 || cd12 || cd21 || cd22) {
    cd = {cd11.value_or(0.0), cd12.value_or(0.0), cd21.value_or(0.0), cd22.value_or(0.0)};
  } else {
    const double x = real_key(file, "CDELT1").value_or(0.0), y = real_key(file, "CDELT2").value_or(0.0);
    const double turn = real_key(file, "CROTA2").value_or(0.0) * std::numbers::pi / 180.0;
    const bool has_pc = real_key(file, "PC1_1") || real_key(file, "PC1_2") || real_key(file, "PC2_1") || real_key(file, "PC2_2");
    if (has_pc)
      cd = {x * real_key(file, "PC1_1").value_or(1.0), x * real_key(file, "PC1_2").value_or(0.0), y * real_key(file, "PC2_1").value_or(0.0),
            y * real_key(file, "PC2_2").value_or(1.0)};
    else
      cd = {x * std::cos(turn), -y * std::sin(turn), x * std::sin(turn), y * std::cos(turn)};
  }
  if (!is_usual) cd = {cd[2], cd[3], cd[0], cd[1]};
  return cd;
}

constexpr LONGLONG most_pixels = 1LL << 30;

/// The image of the current HDU; none where it has no image of two axes.
std::optional<FitsImage> read_image(fitsfile* file, int extension, const std::string& place) {
  int status = 0, type = 0, axes = 0;
  fits_get_hdu_type(file, &type, &status);
  check_image(status, place);
  if (type != IMAGE_HDU) return std::nullopt;
  fits_get_img_dim(file, &axes, &status);
  std::array<LONGLONG, 2> size{};
  if (status == 0 && axes == 2) fits_get_img_sizell(file, 2, size.data(), &status);
  check_image(status, place);
  if (axes != 2 || size[0] <= 0 || size[1] <= 0) return std::nullopt;
  if (size[0] > most_pixels || size[1] > most_pixels / size[0])
    throw DataError(fmt::format("{}: {} x {} pixels (at most {} in all)", place, size[0], size[1], grouped(most_pixels)));
  FitsImage image{extension, size[0], std::vector<float>(static_cast<std::size_t>(size[0] * size[1])), sky_steps(file)};
  float none = std::numeric_limits<float>::quiet_NaN();
  int some = 0;
  fits_read_img(file, TFLOAT, 1, size[0] * size[1], &none, image.pixels.data(), &some, &status);
  check_image(status, place);
  return image;
}

}  // namespace

std::vector<MadeOfImage> make_of_images(const std::string& path, const std::function<std::string(const FitsImage&)>& make) {
  const std::int64_t bytes = File::for_reading(path).size();  // a missing file is an error of this process
  const auto work = [&] {
    fitsfile* raw = nullptr;
    int status = 0, count = 0;
    fits_open_diskfile(&raw, path.c_str(), READONLY, &status);
    check_image(status, path);
    const OpenFits file(raw);
    fits_get_num_hdus(raw, &count, &status);
    check_image(status, path);
    std::string result;
    for (int hdu = 1; hdu <= count; ++hdu) {
      const std::string place = fmt::format("{}: extension {}", path, hdu - 1);
      fits_movabs_hdu(raw, hdu, nullptr, &status);
      check_image(status, place);
      if (const std::optional<FitsImage> image = read_image(raw, hdu - 1, place)) {
        const std::string made = make(*image);
        result += fmt::format("{} {}\n", hdu - 1, made.size()) + made;
      }
    }
    return result;
  };
  const std::string all =
      run_in_child(work, path + ": is damaged (the CFITSIO library crashes on it)", static_cast<unsigned>(20 + bytes / 1'000'000));
  std::vector<MadeOfImage> images;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find('\n', at);
    const std::vector<std::string> head = split(all.substr(at, end - at), ' ');
    const std::size_t size = std::stoul(head.at(1));
    images.push_back({std::stoi(head.at(0)), all.substr(end + 1, size)});
    at = end + 1 + size;
  }
  return images;
}

}  // namespace skyfold
