// Faults on demand, for tests of everything that can happen to a kernel: exceptions, lack of memory, hanging, crashes, and death.
#include "faults.hpp"

#include <fmt/core.h>
#include <signal.h>

#include <chrono>
#include <new>
#include <stdexcept>
#include <thread>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw UsageError(
      fmt::format("farm.fault = {} (must be like throw@3, hang@3:1 or sleep=0.5@*; throw, oom, hang, segv, kill, stop)", text));
}

void sleep_for(double seconds) {
  // In short naps: a sleeping kernel listens to the time limit, a hanging one does not.
  for (double slept = 0.0; slept < seconds && !is_interrupted(); slept += 0.01) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void do_fault(const std::string& kind, double seconds) {
  if (kind == "throw") throw std::runtime_error("injected fault");
  if (kind == "oom") throw std::bad_alloc();
  // For ever on purpose: this is the kernel that does not listen.
  while (kind == "hang") std::this_thread::sleep_for(std::chrono::seconds(1));
  if (kind == "segv") raise(SIGSEGV);
  if (kind == "kill") raise(SIGKILL);
  if (kind == "stop") raise(SIGSTOP);
  if (kind == "sleep") sleep_for(seconds);
}

}  // namespace

Faults::Faults(const std::string& text) {
  for (const std::string& part : split(text, ',')) {
    if (trim(part).empty()) continue;
    const std::string word(trim(part));
    const std::size_t at = word.find('@'), colon = word.find(':', at == std::string::npos ? 0 : at);
    // KIND@PLACE or KIND@PLACE:ATTEMPT. A word that is not understood would make a test pass that tests nothing.
    if (at == std::string::npos) refuse(word);
    Fault fault{word.substr(0, at)};
    const std::string place = word.substr(at + 1, colon == std::string::npos ? std::string::npos : colon - at - 1);
    bool is_known = false;
    for (const char* kind : {"throw", "oom", "hang", "segv", "kill", "stop"}) is_known |= fault.kind == kind;
    if (fault.kind.starts_with("sleep=")) {
      fault.seconds = parse_double(fault.kind.substr(6)).value_or(-1.0);
      fault.kind = "sleep";
      is_known = fault.seconds >= 0.0;
    }
    // -1 is every partition, -2 what cannot be read.
    const auto partition = place == "*" ? -1 : parse_integer(place).value_or(-2);
    const auto attempt = colon == std::string::npos ? 0 : parse_integer(word.substr(colon + 1)).value_or(0);
    const bool is_place = place == "*" || partition >= 0, is_attempt = colon == std::string::npos || attempt > 0;
    if (!is_known || !is_place || !is_attempt) refuse(word);
    fault.partition = partition;
    fault.attempt = attempt;
    faults_.push_back(fault);
  }
}

void Faults::inject(const Job& job) const {
  for (const Fault& fault : faults_) {
    const bool is_here =
        fault.partition < 0 || (fault.partition >= job.first_partition && fault.partition < job.first_partition + job.partition_count);
    if (is_here && (fault.attempt == 0 || fault.attempt == job.attempts + 1)) do_fault(fault.kind, fault.seconds);
  }
}

}  // namespace skyfold
