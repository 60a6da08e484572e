#pragma once

#include <string>

namespace skyfold {

/// Steradians of a square arcminute.
inline constexpr double sr_per_arcmin2 = 8.461594994075237e-08;

/// dB/dT of a black body at T = 2.7255 K, the temperature of the cosmic microwave background (Fixsen 2009, ApJ 707, 916):
/// (2 h nu^3 / c^2) (e^x / (e^x - 1)^2) x / T with x = h nu / k T.
///
/// @param frequency_ghz  > 0
/// @returns MJy/sr per K_CMB
[[nodiscard]] double mjy_sr_per_kcmb(double frequency_ghz) noexcept;

/// The band-integrated value of a Planck HFI channel (Planck 2013 results IX, A&A 571, A9), MJy/sr per K_CMB; 0
/// for a frequency without one.
///
/// @param channel_ghz  100, 143, 217, 353, 545 or 857
[[nodiscard]] double planck_mjy_sr_per_kcmb(double channel_ghz) noexcept;

/// Factor from a map's unit to MJy/sr.
///
/// @param unit           of the map: K_CMB, mK_CMB, uK_CMB (also K, mK, uK and other spellings), MJy/sr, kJy/sr, Jy/sr,
///                       mJy/sr
/// @param conversion     for temperatures: delta, planck, or a number of MJy/sr per K_CMB
/// @param frequency_ghz  of the channel, for delta and planck; NaN when unknown
/// Throws UsageError for a unit that is not known or empty, for a frequency that is needed and unknown, for planck without
/// a tabulated value. The message begins with what is wrong, without the map's name.
[[nodiscard]] double mjy_sr_per_unit(const std::string& unit, const std::string& conversion, double frequency_ghz);

}  // namespace skyfold
