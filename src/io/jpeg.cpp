// JPEG by libjpeg-turbo. Its errors would end the process or jump over destructors: they become a flag, looked at after each call that can
// set it.
#include "skyfold/io/jpeg.hpp"

// The library's header needs stdio's and size_t, and does not include them.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstdlib>

#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

struct ErrorState {
  jpeg_error_mgr manager{};
  std::jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> message{};
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  info->err->format_message(info, state->message.data());
  std::longjmp(state->back, 1);
}

/// What is alive over a jump: plain data, so that no destructor is jumped over.
struct Compression {
  jpeg_compress_struct info{};
  ErrorState error;
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
};

/// False after an error. Only plain data lives here.
bool compress(Compression& c, const std::uint8_t* pixels, unsigned width, unsigned height, int quality) {
  c.info.err = jpeg_std_error(&c.error.manager);
  c.error.manager.error_exit = on_error;
  if (setjmp(c.error.back) != 0) return false;
  jpeg_create_compress(&c.info);
  jpeg_mem_dest(&c.info, &c.bytes, &c.size);
  c.info.image_width = width;
  c.info.image_height = height;
  c.info.input_components = 1;
  c.info.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&c.info);
  jpeg_set_quality(&c.info, quality, TRUE);
  jpeg_start_compress(&c.info, TRUE);
  while (c.info.next_scanline < height) {
    JSAMPROW row = const_cast<JSAMPROW>(pixels + static_cast<std::size_t>(c.info.next_scanline) * width);
    jpeg_write_scanlines(&c.info, &row, 1);
  }
  jpeg_finish_compress(&c.info);
  return true;
}

}  // namespace

std::string jpeg_of(std::span<const std::uint8_t> pixels, std::int64_t width, int quality) {
  Compression c;
  const bool is_done =
      compress(c, pixels.data(), static_cast<unsigned>(width), width > 0 ? static_cast<unsigned>(std::ssize(pixels) / width) : 0U, quality);
  std::string file;
  if (is_done) file.assign(reinterpret_cast<const char*>(c.bytes), c.size);
  jpeg_destroy_compress(&c.info);
  std::free(c.bytes);
  if (!is_done) throw DataError(std::string("no JPEG file can be made (") + c.error.message.data() + ")");
  return file;
}

}  // namespace skyfold
