// What this machine can do at most, on one core and on all: instructions, arithmetic, memory, files. bench/bounds.py holds the commands
// against it.
//
//   machine_bench [FOLDER]     FOLDER: where files are written, default /tmp
//
// One line per ceiling: name, one core, all cores, unit (per second). The best of some rounds; of the disk the median.

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/io/node_memory.hpp"

namespace {

using namespace skyfold;

constexpr int rounds = 5;
constexpr double seconds_each = 0.12;
constexpr std::size_t kib = 1024, mib = 1024 * kib;
constexpr std::size_t in_l2 = 512 * kib, beyond_l3 = 192 * mib;
constexpr std::size_t map_bytes = 12UL * 2048 * 2048 * sizeof(float);  ///< a map of NSide 2048
constexpr std::size_t file_bytes = 256 * mib, transfer = mib;

/// Does a piece of work, of milliseconds, on a thread; returns how much it was.
using Piece = std::function<double(int thread)>;

/// Work per second of all threads together; each repeats its piece for some time.
double rate(int threads, const Piece& piece) {
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::atomic<int> ready = 0;
  std::vector<std::thread> team;
  for (int thread = 0; thread < threads; ++thread)
    team.emplace_back([&, thread] {
      ++ready;
      while (ready.load() < threads) std::this_thread::yield();
      double done = 0.0;
      const double start = now_s();
      double now = start;
      for (; now - start < seconds_each; now = now_s()) done += piece(thread);
      rates[static_cast<std::size_t>(thread)] = done / (now - start);
    });
  for (std::thread& thread : team) thread.join();
  double sum = 0.0;
  for (const double each : rates) sum += each;
  return sum;
}

void print(const std::string& name, double one, double all, const std::string& unit) {
  fmt::print("{} {:.4g} {:.4g} {}\n", name, one, all, unit);
  std::fflush(stdout);
}

void measure(const std::string& name, const std::string& unit, const Piece& piece) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  double one = 0.0, all = 0.0;
  for (int round = 0; round < rounds; ++round) {
    one = std::max(one, rate(1, piece));
    all = std::max(all, rate(cores, piece));
  }
  print(name, one, all, unit);
}

/// Keeps a value alive.
template <class T>
void use(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// --- arithmetic ------------------------------------------------------------------------------------

#if defined(__x86_64__)
/// Ticks of the clock: a multiplication of integers waits three for the one before, on all processors of the last fifteen years.
double clock_ticks(int) {
  constexpr int repeats = 20'000;
  std::uint64_t value = 3;
  for (int i = 0; i < repeats; ++i) asm volatile(".rept 64\n\timul %0, %0\n\t.endr" : "+r"(value));
  return 3.0 * 64.0 * repeats;
}

/// Additions that wait for one another as little as may be: four of integers and two of vectors a tick.
double instructions(int) {
  constexpr int repeats = 20'000;
  std::uint64_t a = 1, b = 2, c = 3, d = 4;
  for (int i = 0; i < repeats; ++i)
    asm volatile(".rept 16\n\tadd $1, %0\n\tadd $1, %1\n\tpaddd %%xmm0, %%xmm0\n\tadd $1, %2\n\tadd $1, %3\n\tpaddd %%xmm1, %%xmm1\n\t.endr"
                 : "+r"(a), "+r"(b), "+r"(c), "+r"(d)
                 :
                 : "xmm0", "xmm1", "cc");
  return 6.0 * 16.0 * repeats;
}

typedef double Doubles __attribute__((vector_size(32)));
typedef float Floats __attribute__((vector_size(32)));

/// x = x a + b in twelve chains, which hide the time of both operations, without fused operations, as skyfold is built.
template <class Vector, class Number>
__attribute__((target("avx2"), noinline)) double multiply_add() {
  constexpr int repeats = 100'000, chains = 12;
  Vector x[chains];
  for (int k = 0; k < chains; ++k) x[k] = Vector{} + static_cast<Number>(k + 1);
  Vector a = Vector{} + static_cast<Number>(0.999), b = Vector{} + static_cast<Number>(0.001);
  for (int i = 0; i < repeats; ++i)
#pragma GCC unroll 12
    for (int k = 0; k < chains; ++k) x[k] = x[k] * a + b;
  for (const Vector& each : x) use(each);
  return 2.0 * chains * repeats * (sizeof(Vector) / sizeof(Number));
}
#endif

/// The same for one number at a time: what code that the compiler cannot turn into vectors may reach.
__attribute__((noinline)) double scalar_multiply_add() {
  constexpr int repeats = 100'000, chains = 12;
  double x[chains] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  for (int i = 0; i < repeats; ++i)
    for (double& each : x) {
      each = each * 0.999 + 0.001;
      asm volatile("" : "+x"(each));  // not in vectors
    }
  for (const double each : x) use(each);
  return 2.0 * chains * repeats;
}

void measure_arithmetic() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) throw UsageError("this program needs AVX2");
  measure("clock", "ticks", clock_ticks);
  measure("instructions", "instructions", instructions);
  measure("float_avx2", "flop", [](int) { return multiply_add<Floats, float>(); });
  measure("double_avx2", "flop", [](int) { return multiply_add<Doubles, double>(); });
#endif
  measure("double_scalar", "flop", [](int) { return scalar_multiply_add(); });
}

// --- memory ----------------------------------------------------------------------------------------

__attribute__((target_clones("avx2", "default"), noinline)) std::uint64_t sum_of(const std::uint64_t* values, std::size_t n) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += values[i];
  return sum;
}

__attribute__((target_clones("avx2", "default"), noinline)) void triad(double* a, const double* b, const double* c, double s,
                                                                       std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + s * c[i];
}

void measure_streams(const std::string& where, std::size_t bytes) {
  const std::size_t n = bytes / 8, third = n / 3, cores = std::thread::hardware_concurrency();
  std::vector<std::unique_ptr<NodeMemory>> arrays;
  for (std::size_t i = 0; i < cores; ++i) {
    arrays.push_back(std::make_unique<NodeMemory>(bytes, gather_alone));
    std::memset(arrays.back()->bytes().data(), 0, bytes);
  }
  const std::size_t repeats = std::max<std::size_t>(1, 16 * mib / bytes);
  const auto array = [&](int thread) { return arrays[static_cast<std::size_t>(thread)]->bytes().data(); };
  measure("read_" + where, "bytes", [&](int thread) {
    for (std::size_t i = 0; i < repeats; ++i) use(sum_of(reinterpret_cast<const std::uint64_t*>(array(thread)), n));
    return static_cast<double>(repeats * n * 8);
  });
  measure("triad_" + where, "bytes", [&](int thread) {
    auto* a = reinterpret_cast<double*>(array(thread));
    for (std::size_t i = 0; i < repeats; ++i) triad(a, a + third, a + 2 * third, 3.0, third);
    return static_cast<double>(repeats * third * 24);
  });
}

/// Lines of 64 bytes anywhere in a map, which is held as in a run of patch: wanted many at a time, and one after the other.
void measure_random_lines() {
  const NodeMemory memory(map_bytes, gather_alone);
  std::memset(memory.bytes().data(), 0, map_bytes);
  const auto* values = reinterpret_cast<const std::uint64_t*>(memory.bytes().data());
  constexpr std::size_t lines = map_bytes / 64, wanted = 200'000;
  const auto line_of = [](std::uint64_t i) { return (mix64(i) >> 32) * lines >> 32; };
  measure("random_lines", "lines", [&](int thread) {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < wanted; ++i) sum += values[8 * line_of(i + wanted * static_cast<std::uint64_t>(thread))];
    use(sum);
    return static_cast<double>(wanted);
  });
  measure("dependent_lines", "lines", [&](int thread) {
    std::uint64_t sum = static_cast<std::uint64_t>(thread) << 40;
    for (std::uint64_t i = 0; i < wanted; ++i) sum += values[8 * line_of(sum + i)];  // all zero, but the processor cannot know
    use(sum);
    return static_cast<double>(wanted);
  });
}

// --- files -----------------------------------------------------------------------------------------

class File {
 public:
  explicit File(const std::string& path) : path_(path), descriptor_(open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR, 0600)) {
    if (descriptor_ < 0) throw IoError(path + ": cannot be made");
  }
  ~File() {
    close(descriptor_);
    std::filesystem::remove(path_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write_all(std::span<const std::byte> block, bool is_synced) {
    for (std::size_t at = 0; at < file_bytes; at += block.size())
      if (pwrite(descriptor_, block.data(), block.size(), static_cast<off_t>(at)) != std::ssize(block))
        throw IoError(path_ + ": cannot be written");
    if (is_synced && fdatasync(descriptor_) != 0) throw IoError(path_ + ": cannot be written");
  }
  double read_all(std::span<std::byte> block) {
    for (std::size_t at = 0; at < file_bytes; at += block.size())
      if (pread(descriptor_, block.data(), block.size(), static_cast<off_t>(at)) != std::ssize(block))
        throw IoError(path_ + ": cannot be read");
    return file_bytes;
  }
  /// Leaves nothing of the file in the page cache.
  void forget() {
    fdatasync(descriptor_);
    posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
  }
  void empty() {
    if (ftruncate(descriptor_, 0) != 0) throw IoError(path_ + ": cannot be emptied");
  }

 private:
  std::string path_;
  int descriptor_;
};

/// Bytes per second of threads that each do something with a file once.
double once(int threads, const std::function<void(int)>& work) {
  std::vector<std::thread> team;
  const double start = now_s();
  for (int thread = 0; thread < threads; ++thread) team.emplace_back(work, thread);
  for (std::thread& thread : team) thread.join();
  return static_cast<double>(threads) * static_cast<double>(file_bytes) / (now_s() - start);
}

void measure_files(const std::string& folder) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::unique_ptr<File>> files;
  std::vector<std::vector<std::byte>> blocks;
  for (int i = 0; i < cores; ++i) {
    files.push_back(std::make_unique<File>(fmt::format("{}/machine_bench.{}.{}", folder, getpid(), i)));
    blocks.emplace_back(transfer, std::byte{1});
  }
  const auto file = [&](int i) -> File& { return *files[static_cast<std::size_t>(i)]; };
  const auto block = [&](int i) -> std::span<std::byte> { return blocks[static_cast<std::size_t>(i)]; };
  std::array<std::vector<double>, 2> cached, synced, fetched;
  for (int round = 0; round < rounds; ++round)
    for (const std::size_t all : {0, 1}) {
      const int threads = all ? cores : 1;
      for (int i = 0; i < threads; ++i) file(i).empty();
      cached[all].push_back(once(threads, [&](int i) { file(i).write_all(block(i), false); }));
      for (int i = 0; i < threads; ++i) {
        file(i).forget();
        file(i).empty();
      }
      synced[all].push_back(once(threads, [&](int i) { file(i).write_all(block(i), true); }));
      for (int i = 0; i < threads; ++i) file(i).forget();
      fetched[all].push_back(once(threads, [&](int i) { file(i).read_all(block(i)); }));
    }
  for (int i = 0; i < cores; ++i) file(i).write_all(block(i), true);
  measure("read_cached_file", "bytes", [&](int thread) { return file(thread).read_all(block(thread)); });
  print("write_page_cache", median(cached[0]), median(cached[1]), "bytes");
  print("write_disk", median(synced[0]), median(synced[1]), "bytes");
  print("write_disk_least", *std::ranges::min_element(synced[0]), *std::ranges::min_element(synced[1]), "bytes");
  print("write_disk_most", *std::ranges::max_element(synced[0]), *std::ranges::max_element(synced[1]), "bytes");
  print("read_disk", median(fetched[0]), median(fetched[1]), "bytes");
}

}  // namespace

int main(int argc, char** argv) try {
  measure_arithmetic();
  measure_streams("l2", in_l2);
  measure_streams("memory", beyond_l3);
  measure_random_lines();
  measure_files(argc > 1 ? argv[1] : "/tmp");
} catch (const Error& error) {
  fmt::print(stderr, "machine_bench: {}\n", error.what());
  return 1;
}
