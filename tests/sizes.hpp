#pragma once

/// Builds without optimisation and with sanitizers are slow on purpose: tests whose time grows with a size take a smaller one
/// there. The release build takes the full one.
namespace skyfold::testing_support {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SKYFOLD_SLOW_BUILD
#endif
#endif
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKYFOLD_SLOW_BUILD
#endif

#ifdef SKYFOLD_SLOW_BUILD
inline constexpr bool is_slow_build = true;
#else
inline constexpr bool is_slow_build = false;
#endif

template <class T>
constexpr T sized(T full, T in_slow_build) {
  return is_slow_build ? in_slow_build : full;
}

}  // namespace skyfold::testing_support
