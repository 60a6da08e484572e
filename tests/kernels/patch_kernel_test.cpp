#include "skyfold/kernels/patch/patch_kernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <vector>

#include "../sizes.hpp"
#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/mock/map.hpp"
#include "skyfold/kernels/patch/resample.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::sized;

/// A synthetic sky in memory.
struct Sky {
  explicit Sky(const MapMockOptions& options) : o(options), mock(options), truth(mock.truth()) {
    const auto n = static_cast<std::size_t>(mock.pixels().count());
    t.resize(n);
    if (mock.is_polarised()) q.resize(n), u.resize(n);
    mock.fill({0, mock.pixels().count()}, t, q, u);
  }

  PatchMap map() const {
    PatchMap map;
    map.pixels = mock.pixels();
    map.unit = "K_CMB";
    map.mjy_sr = 24.270;  // 28.4 GHz
    map.beam = {o.fwhm_arcmin, std::nan(""), std::nan(""), std::nan("")};
    map.intensity.f4 = t.data();
    if (!q.empty()) map.q.f4 = q.data(), map.u.f4 = u.data();
    return map;
  }
  PatchPositions positions() const { return {"glon", "glat", Frame::galactic}; }

  Table measure(const PatchOptions& options, std::vector<PatchMap> maps, int threads = 2) const {
    const auto kernel = make_patch_kernel(options, std::move(maps), positions());
    Table out(kernel->gives(), truth.rows());
    kernel->run(truth, out, threads);
    return out;
  }

  MapMockOptions o;
  MapMock mock;
  Table truth;
  std::vector<float> t, q, u;
};

PatchOptions measuring(const std::vector<std::string>& what) {
  PatchOptions o;
  o.measure = what;
  return o;
}

MapMockOptions small_sky() {
  MapMockOptions o;
  o.nside = 128;
  o.sources = 300;
  o.fwhm_arcmin = 90.0;
  o.flux_min_jy = 100.0, o.flux_max_jy = 300.0;
  o.noise = 5e-4;
  o.polarisation = 0.2;
  o.background = 0.003;
  return o;
}

struct Moments {
  double mean = 0.0, deviation = 0.0;
};
Moments moments_of(const std::vector<double>& values) {
  double sum = 0.0, sum2 = 0.0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) sum2 += (v - mean) * (v - mean);
  return {mean, std::sqrt(sum2 / static_cast<double>(values.size()))};
}

bool same_bits(const Table& a, const Table& b) {
  for (std::size_t i = 0; i < a.columns(); ++i)
    if (!std::ranges::equal(a[i].bytes(), b[i].bytes())) return false;
  return true;
}

const std::vector<std::string> everything = {"disc", "aperture", "psf", "gauss", "polarisation"};

TEST(PatchKernel, RecoversFluxesWithHonestErrors) {
  MapMockOptions o = small_sky();
  o.nside = sized(512, 256);
  o.sources = sized(768, 192);  // as many as keep an annulus to themselves
  o.fwhm_arcmin = 60.0;
  o.noise = 2e-3;
  const Sky sky(o);
  PatchOptions options = measuring({"aperture", "psf", "gauss"});
  options.background = "mean";
  const Table out = sky.measure(options, {sky.map()});
  const auto true_flux = sky.truth.at("flux").values<double>();
  for (const std::string kind : {"aper", "psf", "gau"}) {
    const auto flux = out.at(kind + "_flux").values<double>(), error = out.at(kind + "_flux_err").values<double>();
    std::vector<double> ratio, pull;
    for (std::size_t i = 0; i < flux.size(); ++i) {
      ratio.push_back(flux[i] / true_flux[i]);
      pull.push_back((flux[i] - true_flux[i]) / error[i]);
    }
    EXPECT_NEAR(moments_of(ratio).mean, 1.0, 0.01) << kind;
    EXPECT_NEAR(moments_of(pull).mean, 0.0, sized(0.1, 0.2)) << kind;
    EXPECT_NEAR(moments_of(pull).deviation, 1.0, sized(0.1, 0.2)) << kind;
  }
}

TEST(PatchKernel, FindsWhereSourcesAre) {
  MapMockOptions o = small_sky();
  o.offset_arcsec = 600.0;
  o.noise = 2e-5;
  const Sky sky(o);
  const Table out = sky.measure(measuring({"gauss"}), {sky.map()});
  const double pixel_arcsec = std::sqrt(sky.mock.pixels().pixel_area_sr()) * 180.0 / std::numbers::pi * 3600.0;
  std::vector<double> east, north;
  for (std::size_t i = 0; i < out.rows(); ++i) {
    EXPECT_EQ(out.at("flags").values<std::int32_t>()[i], 0);
    east.push_back(out.at("gau_x").number(i) - sky.truth.at("offset_east").number(i));
    north.push_back(out.at("gau_y").number(i) - sky.truth.at("offset_north").number(i));
  }
  for (const std::vector<double>& d : {east, north}) {
    EXPECT_LT(std::abs(moments_of(d).mean), 0.05 * pixel_arcsec);
    EXPECT_LT(moments_of(d).deviation, 0.05 * pixel_arcsec);
  }
}

TEST(PatchKernel, MeasuresPolarisationAngles) {
  MapMockOptions o = small_sky();
  o.noise = 1e-5;
  const Sky sky(o);
  const Table out = sky.measure(measuring({"polarisation"}), {sky.map()});
  for (std::size_t i = 0; i < out.rows(); ++i) {
    const double difference = std::remainder(out.at("pol_angle").number(i) - sky.truth.at("polarised_angle").number(i), 180.0);
    EXPECT_NEAR(difference, 0.0, 1.0);
    EXPECT_NEAR(out.at("pol_flux").number(i) / sky.truth.at("polarised_flux").number(i), 1.0, 0.02);
  }
}

TEST(PatchKernel, SeesThePartOfThePeakThatABeamHasInADisc) {
  MapMockOptions o = small_sky();
  o.nside = 512;
  o.sources = 12;
  o.fwhm_arcmin = 324.08;  // ten times Planck's at 30 GHz, where the mean in 10 arcmin is 0.87889 of the peak
  o.noise = o.background = o.polarisation = 0.0;
  const Sky sky(o);
  PatchOptions options = measuring({"disc", "psf"});
  options.radius_arcmin = 100.0;
  const Table out = sky.measure(options, {sky.map()});
  const double per_kelvin = beam_area_arcmin2({o.fwhm_arcmin, 0.0, 0.0, 0.0}) * 8.461594994075237e-8 * 24.270e6;
  double mean = 0.0;
  for (std::size_t i = 0; i < out.rows(); ++i)
    mean += out.at("mean").number(i) / (out.at("psf_flux").number(i) / per_kelvin) / static_cast<double>(out.rows());
  EXPECT_NEAR(mean, 0.87889, 1e-3);
}

TEST(PatchKernel, GivesTheSameBitsForAnyThreadsAndBlocks) {
  const Sky sky(small_sky());
  const Table whole = sky.measure(measuring(everything), {sky.map()}, 1);
  EXPECT_TRUE(same_bits(whole, sky.measure(measuring(everything), {sky.map()}, 3)));
  const auto kernel = make_patch_kernel(measuring(everything), {sky.map()}, sky.positions());
  Table in(sky.truth.schema(), 1), out(kernel->gives(), 1);
  for (const std::size_t row : {0UL, 17UL, 299UL}) {
    for (std::size_t c = 0; c < in.columns(); ++c)
      std::memcpy(in[c].bytes().data(), sky.truth[c].bytes().data() + row * in[c].info().bytes_per_row(), in[c].info().bytes_per_row());
    kernel->run(in, out, 1);
    for (std::size_t c = 0; c < out.columns(); ++c) {
      const std::size_t bytes = out[c].info().bytes_per_row();
      EXPECT_EQ(std::memcmp(out[c].bytes().data(), whole[c].bytes().data() + row * bytes, bytes), 0) << out[c].info().name;
    }
  }
}

TEST(PatchKernel, DoesNotCareAboutTheNumberingOfTheMap) {
  const Sky sky(small_sky());
  std::vector<float> nested(sky.t.size()), nested_q(sky.t.size()), nested_u(sky.t.size());
  renumber<float>(sky.mock.pixels(), sky.t, true, nested, 1);
  renumber<float>(sky.mock.pixels(), sky.q, true, nested_q, 1);
  renumber<float>(sky.mock.pixels(), sky.u, true, nested_u, 1);
  PatchMap map = sky.map();
  map.is_nested = true;
  map.intensity.f4 = nested.data(), map.q.f4 = nested_q.data(), map.u.f4 = nested_u.data();
  EXPECT_TRUE(same_bits(sky.measure(measuring(everything), {sky.map()}), sky.measure(measuring(everything), {map})));
  EXPECT_TRUE(same_bits(sky.measure(measuring({"mean"}), {sky.map()}), sky.measure(measuring({"mean"}), {map})));
}

TEST(PatchKernel, MeasuresMapsTogetherAsItDoesAlone) {
  const Sky sky(small_sky());
  PatchMap first = sky.map(), second = sky.map(), third = sky.map();
  first.suffix = "_a", second.suffix = "_b", third.suffix = "_c";
  second.beam.fwhm_arcmin = 60.0;
  third.frame = Frame::ecliptic;
  const Table together = sky.measure(measuring(everything), {first, second, third});
  for (const PatchMap& map : {first, second, third}) {
    const Table alone = sky.measure(measuring(everything), {map});
    for (std::size_t c = 0; c < alone.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(alone[c].bytes(), together.at(alone[c].info().name).bytes())) << alone[c].info().name;
  }
}

TEST(PatchKernel, FlagsWhatIsTooLittleCovered) {
  Sky sky(small_sky());
  std::vector<float> mask(sky.t.size(), 1.0F);
  for (std::size_t i = 0; i < sky.t.size() / 2; ++i) mask[i] = 0.0F;  // the north
  PatchMap map = sky.map();
  map.mask.f4 = mask.data();
  PatchOptions options = measuring(everything);
  options.radius_arcmin = 60.0;
  const Table out = sky.measure(options, {map});
  std::size_t north = 0, south = 0;
  for (std::size_t i = 0; i < out.rows(); ++i) {
    const double lat = sky.truth.at("glat").number(i);
    const int flags = out.at("flags").values<std::int32_t>()[i];
    if (lat > 5.0) {
      ++north;
      EXPECT_EQ(flags,
                patch_disc_coverage | patch_aperture_coverage | patch_psf_coverage | patch_gauss_coverage | patch_polarisation_coverage);
      for (const char* name : {"mean", "aper_flux", "psf_flux", "gau_flux", "pol_flux"})
        EXPECT_TRUE(std::isnan(out.at(name).number(i))) << name;
      EXPECT_EQ(out.at("n_pix").values<std::int32_t>()[i], 0);
      EXPECT_EQ(out.at("coverage").number(i), 0.0);
    } else if (lat < -5.0) {
      ++south;
      EXPECT_EQ(flags, 0);
    }
  }
  EXPECT_GT(north, 50u);
  EXPECT_GT(south, 50u);
}

TEST(PatchKernel, FluxesSurviveSomeMissingPixels) {
  MapMockOptions o = small_sky();
  o.nside = sized(256, 128);
  const Sky whole(o);
  o.missing = 0.1;
  const Sky holed(o);
  const Table a = whole.measure(measuring({"aperture", "psf", "gauss"}), {whole.map()}),
              b = holed.measure(measuring({"aperture", "psf", "gauss"}), {holed.map()});
  for (const std::string kind : {"aper", "psf", "gau"})
    for (std::size_t i = 0; i < a.rows(); ++i)
      EXPECT_NEAR(b.at(kind + "_flux").number(i), a.at(kind + "_flux").number(i), 6.0 * b.at(kind + "_flux_err").number(i)) << kind;
}

TEST(PatchKernel, WeighsPixelsByTheirVariance) {
  const Sky sky(small_sky());
  std::vector<float> t = sky.t, variance(t.size(), static_cast<float>(sky.o.noise * sky.o.noise));
  for (std::size_t i = 0; i < t.size(); i += 3) t[i] += static_cast<float>(0.02 * ObjectRandom(3, i).normal()), variance[i] = 4e-4F;
  PatchMap plain = sky.map();
  plain.intensity.f4 = t.data();
  PatchMap weighted = plain;
  weighted.variance.f4 = variance.data();
  const Table a = sky.measure(measuring({"psf"}), {plain}), b = sky.measure(measuring({"psf"}), {weighted});
  std::vector<double> pull, scatter_a, scatter_b;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    const double truth = sky.truth.at("flux").number(i);
    scatter_a.push_back(a.at("psf_flux").number(i) - truth);
    scatter_b.push_back(b.at("psf_flux").number(i) - truth);
    pull.push_back(scatter_b.back() / b.at("psf_flux_err").number(i));
  }
  EXPECT_LT(moments_of(scatter_b).deviation, 0.3 * moments_of(scatter_a).deviation);
  EXPECT_NEAR(moments_of(pull).deviation, 1.0, 0.15);
}

TEST(PatchKernel, MarksRowsThatHaveNoPositionOrFailed) {
  const Sky sky(small_sky());
  for (const std::vector<std::string>& what : {std::vector<std::string>{"mean"}, everything}) {
    const auto kernel = make_patch_kernel(measuring(what), {sky.map()}, sky.positions());
    Table in({{"glon", Type::f8}, {"glat", Type::f8}}, 2), out(kernel->gives(), 2);
    in[0].values<double>()[0] = std::nan(""), in[0].values<double>()[1] = 10.0;
    in[1].values<double>()[0] = 5.0, in[1].values<double>()[1] = 20.0;
    kernel->run(in, out, 1);
    EXPECT_EQ(out.at("flags").values<std::int32_t>()[0], patch_no_position);
    EXPECT_TRUE(std::isnan(out.at("mean").number(0)));
    EXPECT_FALSE(std::isnan(out.at("n_pix").number(1)));
    kernel->mark_failed(out);
    EXPECT_EQ(out.at("flags").values<std::int32_t>()[1], patch_failed);
  }
}

TEST(PatchKernel, RefusesAnAnnulusInsideTheAperture) {
  PatchOptions o = measuring({"aperture"});
  o.k1 = 0.5;
  EXPECT_TRUE(contains(error_of<UsageError>([&] { static_cast<void>(make_patch_kernel(o, {}, {})); }), "aperture.inner = 0.5"));
  o.k1 = 2.5;
  EXPECT_TRUE(contains(error_of<UsageError>([&] { static_cast<void>(make_patch_kernel(o, {}, {})); }), "aperture.outer = 2"));
}

TEST(MapMock, IsTheSameInAnyPieces) {
  MapMockOptions o = small_sky();
  o.nside = 32;
  o.missing = 0.05;
  for (const char* kind : {"white", "correlated"}) {
    o.noise_kind = kind;
    const Sky sky(o);
    const auto n = static_cast<std::int64_t>(sky.t.size());
    std::vector<float> t(sky.t.size()), q(t.size()), u(t.size());
    for (const RowRange piece : {RowRange{0, 700}, {700, 701}, {701, 9000}, {9000, n}}) {
      const auto part = [&](std::vector<float>& column) {
        return std::span(column).subspan(static_cast<std::size_t>(piece.begin), static_cast<std::size_t>(piece.size()));
      };
      sky.mock.fill(piece, part(t), part(q), part(u));
    }
    EXPECT_EQ(std::memcmp(t.data(), sky.t.data(), t.size() * sizeof(float)), 0) << kind;
    EXPECT_EQ(std::memcmp(q.data(), sky.q.data(), q.size() * sizeof(float)), 0) << kind;
  }
}

TEST(MapMock, HasTheFluxesItTells) {
  MapMockOptions o = small_sky();
  o.noise = o.background = o.polarisation = 0.0;
  const Sky sky(o);
  double map_sum = 0.0, flux_sum = 0.0;
  for (const float value : sky.t) map_sum += static_cast<double>(value);
  for (std::size_t i = 0; i < sky.truth.rows(); ++i) flux_sum += sky.truth.at("flux").number(i);
  EXPECT_NEAR(map_sum * sky.mock.pixels().pixel_area_sr() * 24.270e6 / flux_sum, 1.0, 1e-3);
}

TEST(MapMock, HasNoiseOfTheDeviationAskedFor) {
  MapMockOptions o = small_sky();
  o.sources = 0;
  o.polarisation = 0.0;
  for (const char* kind : {"white", "correlated"}) {
    o.noise_kind = kind;
    const Sky sky(o);
    const std::vector<double> values(sky.t.begin(), sky.t.end());
    const Moments moments = moments_of(values);
    EXPECT_NEAR(moments.deviation / o.noise, 1.0, 0.05) << kind;
    double neighbours = 0.0;
    for (std::size_t i = 90'001; i < 110'000; ++i) neighbours += (values[i] - moments.mean) * (values[i - 1] - moments.mean);
    const double correlation = neighbours / 20'000.0 / (moments.deviation * moments.deviation);
    if (kind == std::string("white")) {
      EXPECT_NEAR(correlation, 0.0, 0.05);
    } else {
      EXPECT_NEAR(correlation, 0.737, 0.1);  // exp(-d^2 / (4 sigma^2)) for d = 42.2 arcmin, FWHM 90 arcmin
    }
  }
}

TEST(MapMock, LeavesOutThePartOfThePixelsAskedFor) {
  MapMockOptions o = small_sky();
  o.missing = 0.25;
  o.mask_latitude_deg = 30.0;
  const Sky sky(o);
  const auto gone = std::count_if(sky.t.begin(), sky.t.end(), [](float v) { return std::isnan(v); });
  EXPECT_NEAR(static_cast<double>(gone) / static_cast<double>(sky.t.size()), 0.25, 0.01);
  std::vector<float> mask(sky.t.size());
  sky.mock.fill_mask({0, sky.mock.pixels().count()}, mask);
  EXPECT_NEAR(static_cast<double>(std::count(mask.begin(), mask.end(), 0.0F)) / static_cast<double>(mask.size()), 0.5, 0.01);  // sin 30
}

}  // namespace
}  // namespace skyfold
