// The command mock, for maps: pieces of pixels on all ranks, and beside the map the true sources and a mask.
#include "map.hpp"

#include <array>
#include <filesystem>
#include <optional>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/healpix_map.hpp"
#include "skyfold/io/healpix_sum.hpp"
#include "skyfold/plan/row_blocks.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t job_pixels = 1 << 18, chunk_pixels = 1 << 14;  // of a rank at a time, of a thread at a time

/// M.fits -> M.ENDING
std::string beside(const std::string& output, const std::string& ending) {
  return std::filesystem::path(output).replace_extension("." + ending).string();
}

/// Makes pieces of the map; a row is a pixel.
class MapMockWork final : public Work {
 public:
  MapMockWork(const MapMock& mock, const std::string& map, const HealpixMapLayout& layout, const std::string& mask,
              const HealpixMapLayout& mask_layout, int threads)
      : mock_(mock), threads_(threads), map_(map, layout) {
    if (!mask.empty()) mask_.emplace(mask, mask_layout);
  }

  void read(const Job&, RowRange block, int slot, JobResult&) override {
    Buffers& mine = slots_[slot];
    const auto n = static_cast<std::size_t>(block.size());
    mine.columns[0].resize(n);
    // Q and U exist together or not at all.
    for (std::size_t i : {1U, 2U}) mine.columns[i].resize(mock_.is_polarised() ? n : 0);
    mine.columns[3].resize(mask_ ? n : 0);
  }

  void compute(const Job&, RowRange block, int slot) override {
    Buffers& mine = slots_[slot];
    parallel_for(static_cast<std::size_t>(block.size()), chunk_pixels, threads_, [&](std::size_t begin, std::size_t end, int) {
      const RowRange pixels{block.begin + static_cast<std::int64_t>(begin), block.begin + static_cast<std::int64_t>(end)};
      const auto piece = [&](std::size_t i) {
        std::vector<float>& column = mine.columns[i];
        return column.empty() ? std::span<float>() : std::span(column).subspan(begin, end - begin);
      };
      mock_.fill(pixels, piece(0), piece(1), piece(2));
      if (mask_) mock_.fill_mask(pixels, piece(3));
    });
  }

  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    const Buffers& mine = slots_[slot];
    std::vector<const std::byte*> columns;
    for (std::size_t i = 0; i < 3; ++i)
      if (!mine.columns[i].empty()) columns.push_back(std::as_bytes(std::span(mine.columns[i])).data());
    map_.write(block, columns);
    if (mask_) mask_->write(block, std::array{std::as_bytes(std::span(mine.columns[3])).data()});
    result.rows += block.size();
    result.bytes_written += block.size() * static_cast<std::int64_t>((columns.size() + (mask_ ? 1 : 0)) * sizeof(float));
  }

  void sync() override {
    map_.sync();
    if (mask_) mask_->sync();
  }
  void mark_failed(RowRange) override {}  // a map with holes is of no use: the run ends with an error

 private:
  struct Buffers {
    std::array<std::vector<float>, 4> columns;  ///< temperature, Q, U, mask
  };

  const MapMock& mock_;
  int threads_;
  Slots<Buffers> slots_;
  HealpixMapWriter map_;
  std::optional<HealpixMapWriter> mask_;
};

HealpixMapLayout layout_of(const MapMockOptions& o, const std::string& provenance) {
  HealpixMapLayout layout{o.nside, false, frame_named(o.frame), false, {{"TEMPERATURE", "K_CMB", Type::f4}}, {}};
  if (o.polarisation > 0.0)
    for (const char* name : {"Q_POLARISATION", "U_POLARISATION"}) layout.columns.push_back({name, "K_CMB", Type::f4});
  layout.history = {creator_of("mock"), "provenance: " + provenance};
  return layout;
}

/// Pieces of whole rows of the table.
std::vector<Partition> pieces_of(std::int64_t pixels) { return row_blocks(pixels, job_pixels, "pixels"); }

/// Gives a map the sum of its data; collective.
void finish_map(const Ranks& ranks, const std::string& path) {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  std::optional<HealpixMapFile> map;
  ranks.together([&] { map.emplace(path); });
  const std::uint32_t sum = data_sum_of(*map, [&](std::size_t count, const auto& unit) { return ranks.run_units(count, unit); });
  ranks.on_first_only([&] { write_data_sum(path, sum); });
}

}  // namespace

ExitCode run_map_mock(const MapMockOptions& o, const std::string& output, const CommandContext& context) {
  Ranks& ranks = *context.ranks;
  // On all ranks, before the run folder is made: a wrong option leaves nothing behind.
  ranks.together([&] { check(o); });
  const std::string truth = beside(output, "truth.h5"), mask = o.mask_latitude_deg > 0.0 ? beside(output, "mask.fits") : "";
  std::vector<std::string> products = {output, truth};
  if (!mask.empty()) products.push_back(mask);
  Run run(ranks, context.options, context.run, RunSetup{"mock", program_version, output, products, {}, &context.process});
  if (run.is_complete()) return ExitCode::done;
  std::optional<MapMock> mock;
  ranks.together([&] { mock.emplace(o); });
  const std::string provenance = provenance_json("mock", context.options, {});
  const HealpixMapLayout layout = layout_of(o, provenance);
  HealpixMapLayout mask_layout = layout;
  // As the map in all else, so that masks and maps can be compared pixel by pixel.
  mask_layout.columns = {{"MASK", "", Type::f4}};
  run.once("products", [&] {
    HealpixMapWriter::create(run.partial(output), layout);
    if (!mask.empty()) HealpixMapWriter::create(run.partial(mask), mask_layout);
    write_columns(run.partial(truth), {{"/object", mock->truth()}},
                  {{"creator", creator_of("mock")}, {"provenance", provenance}, {"frame", o.frame}});
  });
  std::shared_ptr<MapMockWork> work;
  ranks.together([&] {
    work = std::make_shared<MapMockWork>(*mock, run.partial(output), layout, mask.empty() ? "" : run.partial(mask), mask_layout,
                                         context.threads);
  });
  TaskInfo task{"mock", "pixels"};
  // Rows of the FITS table hold many pixels, and only whole ones are written: a job is one block.
  task.whole_jobs = true;
  task.must_succeed = true;
  run.farm(task, pieces_of(mock->pixels().count()), work);
  finish_map(ranks, run.partial(output));
  if (!mask.empty()) finish_map(ranks, run.partial(mask));
  run.publish(products);
  return run.finish(context.threads, "");
}

}  // namespace skyfold
