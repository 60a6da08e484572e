// HEALPix maps as products: whole or not at all, with a checksum.
#include "skyfold/commands/map_output.hpp"

#include <filesystem>
#include <span>

#include "skyfold/core/files.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/io/healpix_sum.hpp"

namespace skyfold {

ScanRunner on_threads(int threads) {
  return [threads](std::size_t count, const std::function<std::string(std::size_t)>& unit) {
    std::vector<std::string> texts(count);
    parallel_for(count, 1, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) texts[i] = unit(i);
    });
    return texts;
  };
}

void write_whole(const std::string& path, const CommandContext& context, const std::function<void(const std::string& partial)>& fill) {
  // Beside its place, as renaming is atomic within a file system only.
  const std::string partial = make_temporary(folder_of(link_target(path)));
  try {
    fill(partial);
    context.process.check_inputs();
    put_in_place(partial, path);
    sync_path(folder_of(link_target(path)));
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    throw;
  }
}

template <class T>
void write_map(const std::string& path, const HealpixMapLayout& layout, const std::vector<std::vector<T>>& columns,
               const CommandContext& context) {
  write_whole(path, context, [&](const std::string& partial) {
    HealpixMapWriter::create(partial, layout);
    const HealpixMapWriter writer(partial, layout);
    const auto per_row = static_cast<std::size_t>(writer.pixels_per_row());
    constexpr std::size_t chunk_rows = 1024;
    parallel_for(columns[0].size() / per_row, chunk_rows, context.threads, [&](std::size_t begin, std::size_t end, int) {
      std::vector<const std::byte*> values;
      for (const std::vector<T>& column : columns) values.push_back(std::as_bytes(std::span(column).subspan(begin * per_row)).data());
      writer.write({static_cast<std::int64_t>(begin * per_row), static_cast<std::int64_t>(end * per_row)}, values);
    });
    writer.sync();
    write_data_sum(partial, data_sum_of(HealpixMapFile(partial), on_threads(context.threads)));
  });
}

template void write_map<float>(const std::string&, const HealpixMapLayout&, const std::vector<std::vector<float>>&, const CommandContext&);
template void write_map<double>(const std::string&, const HealpixMapLayout&, const std::vector<std::vector<double>>&,
                                const CommandContext&);

}  // namespace skyfold
