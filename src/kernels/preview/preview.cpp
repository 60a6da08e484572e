// Pictures of images: a block of pixels becomes one, percentiles become black and white, north comes up. Written for images of
// millions of pixels: percentiles are those of a sample, and the stretch is looked up in a table.
#include "skyfold/kernels/preview/preview.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

struct Reduced {
  std::int64_t width = 0, height = 0;
  std::vector<float> pixels;
};

/// Means of blocks of factor x factor pixels; those at the right and upper border may be smaller.
Reduced reduced(std::span<const float> pixels, std::int64_t width, std::int64_t factor) {
  const std::int64_t height = std::ssize(pixels) / width;
  Reduced out{(width + factor - 1) / factor, (height + factor - 1) / factor, {}};
  if (factor == 1) {
    out.pixels.assign(pixels.begin(), pixels.end());
    return out;
  }
  out.pixels.reserve(static_cast<std::size_t>(out.width * out.height));
  std::vector<float> sum, count;
  for (std::int64_t y = 0; y < out.height; ++y) {
    sum.assign(static_cast<std::size_t>(out.width), 0.0F);
    count.assign(static_cast<std::size_t>(out.width), 0.0F);
    for (std::int64_t row = y * factor; row < std::min(height, (y + 1) * factor); ++row)
      for (std::int64_t x = 0; x < out.width; ++x)
        for (std::int64_t at = x * factor; at < std::min(width, (x + 1) * factor); ++at) {
          const float value = pixels[static_cast<std::size_t>(row * width + at)];
          if (!std::isfinite(value)) continue;
          sum[static_cast<std::size_t>(x)] += value;
          count[static_cast<std::size_t>(x)] += 1.0F;
        }
    for (std::size_t x = 0; x < sum.size(); ++x) out.pixels.push_back(sum[x] / count[x]);  // 0 / 0 is NaN: no value
  }
  return out;
}

/// Values at two percentiles of a sample that is spread evenly over the image.
std::pair<float, float> percentiles(std::span<const float> pixels, const PreviewOptions& o) {
  constexpr std::size_t most = 1 << 16;
  // An odd step does not stay in the same columns of an image.
  const std::size_t step = (pixels.size() / most) | 1;
  std::vector<float> sample;
  for (std::size_t i = 0; i < pixels.size(); i += step)
    if (std::isfinite(pixels[i])) sample.push_back(pixels[i]);
  if (sample.empty()) return {0.0F, 1.0F};
  const auto value_at = [&](double percent) {
    const auto rank = static_cast<std::ptrdiff_t>(std::lround(percent / 100.0 * static_cast<double>(sample.size() - 1)));
    std::nth_element(sample.begin(), sample.begin() + rank, sample.end());
    return sample[static_cast<std::size_t>(rank)];
  };
  const float low = value_at(o.low), high = value_at(o.high);
  return {low, high > low ? high : low + std::max(1.0F, std::abs(low) * 1e-6F)};  // an image of one value is black
}

constexpr std::size_t levels = 4096;

/// Grey for each of the levels between black and white.
std::vector<std::uint8_t> stretch(double contrast) {
  std::vector<std::uint8_t> greys;
  for (std::size_t i = 0; i < levels; ++i) {
    const double x = static_cast<double>(i) / (levels - 1);
    greys.push_back(static_cast<std::uint8_t>(std::lround(255.0 * (contrast > 0.0 ? std::asinh(contrast * x) / std::asinh(contrast) : x))));
  }
  return greys;
}

}  // namespace

void describe(OptionSet& option, PreviewOptions& o) {
  option("preview.size", o.size, "longest side of a preview; larger images are averaged over blocks of pixels")
      .unit("pixels")
      .range(16, 16'384);
  option("preview.low", o.low, "percentile of the pixels that is black").unit("%").range(0.0, 100.0);
  option("preview.high", o.high, "percentile of the pixels that is white").unit("%").range(0.0, 100.0);
  option("preview.contrast", o.contrast, "how much faint things are brought up, the factor in asinh; 0: linear").range(0.0, 1e6);
  option("preview.quality", o.quality, "quality of the JPEG files").range(1, 100);
}

std::optional<Orientation> orientation_of(const std::array<double, 4>& cd) noexcept {
  const double straight = std::hypot(cd[0], cd[3]), crossed = std::hypot(cd[1], cd[2]);
  constexpr double tan_30 = 0.57735026918962576;
  const bool swaps = crossed > straight;
  const double main = std::max(straight, crossed), rest = std::min(straight, crossed);
  if (!(main > 0.0) || !std::isfinite(main) || rest > tan_30 * main) return std::nullopt;
  const double east_right = swaps ? cd[1] : cd[0], north_up = swaps ? cd[2] : cd[3];
  if (east_right == 0.0 || north_up == 0.0) return std::nullopt;
  return Orientation{swaps, east_right > 0.0, north_up < 0.0};
}

GreyPicture picture_of(std::span<const float> pixels, std::int64_t width, const Orientation& orientation, const PreviewOptions& o) {
  if (pixels.empty() || width <= 0) return {};
  const std::int64_t longest = std::max(width, std::ssize(pixels) / width);
  const Reduced image = reduced(pixels, width, (longest + o.size - 1) / o.size);
  const auto [low, high] = percentiles(image.pixels, o);
  const std::vector<std::uint8_t> greys = stretch(o.contrast);
  GreyPicture picture{orientation.swaps ? image.height : image.width, orientation.swaps ? image.width : image.height, {}};
  picture.pixels.resize(image.pixels.size());
  // Where the picture's first pixel, at the left of the top, comes from, and how far it is to the next one right and down.
  std::int64_t right = orientation.swaps ? image.width : 1, up = orientation.swaps ? 1 : image.width, first = 0;
  if (orientation.turns_x) {
    first += right * (picture.width - 1);
    right = -right;
  }
  if (orientation.turns_y) {
    first += up * (picture.height - 1);
    up = -up;
  }
  const float scale = static_cast<float>(levels - 1) / (high - low);
  for (std::int64_t y = 0; y < picture.height; ++y) {
    std::int64_t from = first + up * (picture.height - 1 - y);
    std::uint8_t* out = &picture.pixels[static_cast<std::size_t>(y * picture.width)];
    for (std::int64_t x = 0; x < picture.width; ++x, from += right) {
      const float level = (image.pixels[static_cast<std::size_t>(from)] - low) * scale;
      // A comparison with NaN is false: pixels without a value are black.
      out[x] = level > 0.0F ? greys[static_cast<std::size_t>(std::min(level, static_cast<float>(levels - 1)) + 0.5F)] : greys[0];
    }
  }
  return picture;
}

}  // namespace skyfold
