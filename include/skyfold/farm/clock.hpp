#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace skyfold {

/// What a rank's time went to. Every second of a rank is in exactly one phase.
///
/// start: MPI, opening inputs, planning, laying out products; dispatch: rank 0 handing out jobs and recording what became
/// of them; sync: making written rows durable; consolidate: checks, indexes and the renaming at the end.
enum class Phase : std::uint8_t { start, wait, dispatch, read, compute, write, sync, consolidate, other };
inline constexpr std::size_t phase_count = 9;
[[nodiscard]] std::string_view name_of(Phase phase) noexcept;
using PhaseSeconds = std::array<double, phase_count>;

/// Attributes the time of one rank to phases.
///
/// The main thread says what it does; while the compute thread is busy the time is `compute`, whatever the main
/// thread does meanwhile, so that overlapped input and output are not counted twice and the phases sum to the wall
/// time. Used by the main thread, except `compute_begins` and `compute_ends`.
class RankClock {
 public:
  RankClock() noexcept;

  /// Puts the time from now on under `phase`; returns the phase before.
  Phase enter(Phase phase) noexcept;
  void compute_begins() noexcept;
  void compute_ends() noexcept;

  /// Seconds by phase since construction; they sum to `wall_s()`.
  [[nodiscard]] PhaseSeconds seconds() noexcept;
  [[nodiscard]] double wall_s() const noexcept;

 private:
  [[nodiscard]] std::int64_t busy_ns(std::int64_t now) const noexcept;

  std::int64_t start_ns_, last_ns_, last_busy_ns_ = 0;
  Phase phase_ = Phase::start;
  std::array<std::int64_t, phase_count> total_ns_{};
  std::atomic<std::int64_t> finished_busy_ns_ = 0, busy_since_ns_ = 0;
};

/// Enters a phase for the length of a scope.
class PhaseScope {
 public:
  PhaseScope(RankClock& clock, Phase phase) noexcept : clock_(clock), before_(clock.enter(phase)) {}
  ~PhaseScope() { clock_.enter(before_); }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  RankClock& clock_;
  Phase before_;
};

}  // namespace skyfold
