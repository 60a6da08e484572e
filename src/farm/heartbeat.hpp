#pragma once

namespace skyfold {

/// A worker's signs of life, and its watch over rank 0's: it sends one every quarter of a heartbeat, rank 0 answers each.
/// Without rank 0 nothing can be finished: after four heartbeats without a word from it the run is over.
class Heartbeat {
 public:
  Heartbeat(double heartbeat_s, double now_s) : heartbeat_s_(heartbeat_s), heard_s_(now_s), sent_s_(now_s - heartbeat_s) {}

  enum class Duty { none, beat, give_up };
  /// A word from rank 0.
  void heard(double now_s) noexcept { heard_s_ = now_s; }
  /// What to do now. Silence is counted up to the last sign of life of this rank: if this rank itself was suspended, rank 0
  /// gets the time to answer once more.
  [[nodiscard]] Duty duty(double now_s) noexcept {
    if (now_s - sent_s_ < heartbeat_s_ / 4.0) return Duty::none;
    if (silence_s() > 4.0 * heartbeat_s_) return Duty::give_up;
    sent_s_ = now_s;
    return Duty::beat;
  }
  /// How long rank 0 had been silent at this rank's last sign of life [s].
  [[nodiscard]] double silence_s() const noexcept { return sent_s_ - heard_s_; }

 private:
  double heartbeat_s_, heard_s_, sent_s_;
};

}  // namespace skyfold
