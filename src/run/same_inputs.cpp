// Whether all ranks see the same input files: sizes and times first, contents where those differ, since clocks of file servers may.
#include "skyfold/run/same_inputs.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/input_names.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t sample_bytes = 65'536, most_samples = 1024;

/// Closes a descriptor.
struct OpenFile {
  explicit OpenFile(const std::string& path) : descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor >= 0) close(descriptor);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor;
};

/// Hash of a file, or of pieces at even distances of one above 64 MiB.
std::string hash_of_samples(int descriptor, std::int64_t bytes) {
  const std::int64_t pieces = (bytes + sample_bytes - 1) / sample_bytes, samples = std::min(pieces, most_samples);
  std::vector<std::byte> buffer(static_cast<std::size_t>(sample_bytes));
  std::uint64_t hash = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    // The last piece is always among them, where files that are still being copied differ.
    const std::int64_t piece = samples > 1 ? i * (pieces - 1) / (samples - 1) : 0;
    const ssize_t got = pread(descriptor, buffer.data(), buffer.size(), piece * sample_bytes);
    hash = hash_bytes(std::span(buffer).first(static_cast<std::size_t>(std::max<ssize_t>(got, 0))), hash);
  }
  return hex64(hash);
}

/// What a rank sees under an input's name: "!" and why it cannot, or the size with the time or a hash of the content.
std::string sight_of(const std::string& name, bool with_content) {
  const std::string path = input_file(name);
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return fmt::format("!{}", errno == ENOENT ? "no such file" : std::strerror(errno));
  if (S_ISDIR(status.st_mode)) {
    const FolderState state = folder_state(path);
    return fmt::format("{} bytes in a folder, names, sizes and times {}", grouped(state.bytes), hex64(hash_text(state.listing)));
  }
  if (!S_ISREG(status.st_mode)) return "no regular file";
  if (!with_content) return fmt::format("{} {}.{:09}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  const OpenFile file(path);
  if (file.descriptor < 0) return fmt::format("!{}", std::strerror(errno));
  return fmt::format("{} bytes, hash {}", grouped(status.st_size), hash_of_samples(file.descriptor, status.st_size));
}

std::string sights_of(const std::vector<std::string>& paths, bool with_content) {
  std::string text;
  for (const std::string& path : paths) text += sight_of(path, with_content) + '\n';
  return text;
}

bool all_same(const std::vector<std::string>& texts) {
  return std::all_of(texts.begin(), texts.end(), [&](const std::string& text) { return text == texts.front(); });
}

[[noreturn]] void refuse(const std::string& path, std::size_t rank, const std::string& its, const std::string& first) {
  constexpr const char* why = "(all ranks must see the same files)";
  if (its.starts_with('!')) throw SharedError(ExitCode::io, fmt::format("{}: rank {}: {} {}", path, rank, its.substr(1), why));
  if (first.starts_with('!')) throw SharedError(ExitCode::io, fmt::format("{}: rank 0: {} {}", path, first.substr(1), why));
  throw SharedError(ExitCode::data, fmt::format("{}: rank {} sees another file than rank 0: {}, not {} {}", path, rank, its, first, why));
}

}  // namespace

void check_same_inputs(const Ranks& ranks, const std::vector<std::string>& paths) {
  // A hash of a few numbers from each rank, whatever the number of inputs: the usual case costs one small exchange.
  if (ranks.size() == 1 || all_same(ranks.gather(hex64(hash_text(sights_of(paths, false)))))) return;
  const std::vector<std::string> all = ranks.gather(sights_of(paths, true));
  const std::vector<std::string> first = split(all[0], '\n');
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const std::vector<std::string> its = split(all[rank], '\n');
    if (its.size() != first.size())
      throw SharedError(ExitCode::usage,
                        fmt::format("rank {} has other inputs than rank 0 (the command must be the same on all ranks)", rank));
    for (std::size_t i = 0; i < paths.size(); ++i)
      if (its[i] != first[i]) refuse(paths[i], rank, its[i], first[i]);
  }
}

}  // namespace skyfold
