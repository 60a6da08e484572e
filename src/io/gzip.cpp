// gzip by zlib (RFC 1952). CFITSIO has a reader of its own, which takes the first of several members for all, and the end of a file
// that was cut for its end.
#include "gzip.hpp"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t block_bytes = std::int64_t{1} << 20;
constexpr int gzip_window = 15 + 16;  // the largest window; gzip's header and checksum are expected

/// The stream of one file, block by block.
class Inflater {
 public:
  explicit Inflater(const InputFile& file) : file_(file) {
    if (inflateInit2(&stream_, gzip_window) != Z_OK) throw IoError(file.path() + ": no memory to unpack it");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Fills `out` as far as the file goes; fewer bytes at its end.
  std::size_t next(std::span<char> out) {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0 && !at_end_) step();
    return out.size() - stream_.avail_out;
  }

 private:
  void step() {
    if (stream_.avail_in == 0) refill();
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) return end_member();
    if (result == Z_BUF_ERROR && stream_.avail_in == 0 && stream_.avail_out > 0) return;  // it wants more input
    if (result != Z_OK)
      throw DataError(fmt::format("{}: its gzip data are damaged before byte {} ({})", file_.path(), at_,
                                  stream_.msg != nullptr ? stream_.msg : "not to be unpacked"));
  }

  void refill() {
    input_ = file_.text_at(at_, block_bytes);
    if (input_.empty()) throw IoError(fmt::format("{}: ends at byte {} inside its gzip data (truncated?)", file_.path(), at_));
    at_ += std::ssize(input_);
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(input_.size());
  }

  /// Another member may follow; what is no member is padding (gzip ignores it, too).
  void end_member() {
    const std::int64_t place = at_ - stream_.avail_in;
    at_end_ = file_.text_at(place, 2) != "\x1f\x8b";
    if (!at_end_) inflateReset(&stream_);
  }

  const InputFile& file_;
  z_stream stream_{};
  std::string input_;
  std::int64_t at_ = 0;  ///< byte of the file behind what was read
  bool at_end_ = false;
};

}  // namespace

bool is_gzip(const InputFile& file) { return file.text_at(0, 2) == "\x1f\x8b"; }

std::string unpacked_start(const InputFile& file, std::size_t bytes) {
  std::string start(bytes, '\0');
  try {
    start.resize(Inflater(file).next(start));
  } catch (const Error&) {
    start.clear();  // who unpacks all of it says what is wrong
  }
  return start;
}

void unpack(const InputFile& file, const File& out) {
  Inflater inflater(file);
  std::vector<char> block(static_cast<std::size_t>(block_bytes));
  std::int64_t end = 0;
  while (const std::size_t bytes = inflater.next(block)) {
    out.write(end, std::string_view(block.data(), bytes));
    end += static_cast<std::int64_t>(bytes);
  }
}

}  // namespace skyfold
