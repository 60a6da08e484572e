// The command mock, for nights: a folder tree of FITS files, a job each, some damaged on purpose. Every file gets its name when it is
// whole; the list beside the tree comes last.
#include "nights.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <optional>

#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_builder.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t fits_block = 2880;

struct FilePair {
  std::string image, table;
};

/// Both files of a pointing, with what is wrong with them.
FilePair make_files(const NightMock& mock, const NightMock::File& file) {
  const HeaderCards primary = mock.primary_cards(file);
  std::vector<NightMock::Exposure> exposures;
  for (int detector = 0; detector < NightMock::detectors; ++detector) exposures.push_back(mock.expose(file, detector));
  if (file.damage == NightDamage::duplicate_keyword) exposures[1].image_cards.push_back({"SEEING", 9.99, "again"});
  const std::size_t images = exposures.size() - (file.damage == NightDamage::missing_extension ? 1 : 0);
  FitsBuilder image(primary, file.is_compressed);
  for (std::size_t i = 0; i < images; ++i) image.add_image(exposures[i].image_cards, mock.size(), exposures[i].pixels);
  FilePair made{image.finished(), ""};
  FitsBuilder table(primary, false);
  for (NightMock::Exposure& exposure : exposures) {
    if (file.damage == NightDamage::empty_table) exposure.detections.resize(0);
    table.add_table(exposure.table_cards, exposure.detections);
  }
  made.table = table.finished();
  if (file.damage == NightDamage::truncated) made.image.resize(made.image.size() * 11 / 20 + 1);
  // The first bytes of the last block are data in any case; the rest may be filling.
  if (file.damage == NightDamage::wrong_checksum) made.image[made.image.size() - fits_block + 3] ^= 1;
  return made;
}

/// Makes files; a row is an image and its table.
class NightMockWork final : public Work {
 public:
  NightMockWork(const NightMock& mock, std::string tree) : mock_(mock), tree_(std::move(tree)) {}

  void read(const Job&, RowRange, int, JobResult&) override {}
  void compute(const Job&, RowRange block, int slot) override {
    slots_[slot].clear();
    for (std::int64_t row = block.begin; row < block.end; ++row) slots_[slot].push_back(make_files(mock_, file(row)));
  }
  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    for (std::int64_t row = block.begin; row < block.end; ++row) {
      const FilePair& made = slots_[slot][static_cast<std::size_t>(row - block.begin)];
      for (const auto& [path, bytes] : {std::pair{file(row).image(), &made.image}, std::pair{file(row).table(), &made.table}}) {
        write_durably(tree_ + "/" + path, *bytes);
        result.bytes_written += std::ssize(*bytes);
        result.checksum = hash_text(*bytes, result.checksum);
      }
      ++result.rows;
    }
  }
  void sync() override {}                 // files are on the disk when they have their names
  void mark_failed(RowRange) override {}  // a night with holes is of no use: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    for (std::int64_t row = block.begin; row < block.end; ++row)
      for (const std::string& path : {file(row).image(), file(row).table()})
        chained = hash_text(read_small_file(tree_ + "/" + path), chained);
    return chained;
  }

 private:
  [[nodiscard]] const NightMock::File& file(std::int64_t row) const { return mock_.files()[static_cast<std::size_t>(row)]; }
  const NightMock& mock_;
  std::string tree_;
  Slots<std::vector<FilePair>> slots_;
};

/// An empty tree. Files that are there already are somebody's: nothing is written among them.
void make_folders(const NightMock& mock, const std::string& tree) {
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(tree, error); !error && at != fs::recursive_directory_iterator(); at.increment(error))
    if (!at->is_directory())
      throw UsageError(
          fmt::format("--output {}: has files already, such as {} (nights are made in a new folder)", tree, at->path().string()));
  for (const std::string& folder : mock.folders()) {
    fs::create_directories(fs::path(tree) / folder, error);
    if (error) throw IoError(fmt::format("{}/{}: no folder can be made ({})", tree, folder, error.message()));
  }
  sync_path(tree);
}

std::string list_of(const NightMock& mock) {
  std::string list = "file,kind,filter,damage\n";
  const auto damage_of = [](const NightMock::File& file, bool is_table) {
    return file.damage == NightDamage::none || file.has_damaged_table() != is_table ? "" : name_of(file.damage);
  };
  for (const NightMock::File& file : mock.files()) {
    const std::string filter = NightMock::filter_name(file.filter);
    list += fmt::format("{},image,{},{}\n{},table,{},{}\n", file.image(), filter, damage_of(file, false), file.table(), filter,
                        damage_of(file, true));
  }
  for (const std::string& folder : mock.empty_folders())
    list += fmt::format("{},night,,{}\n", folder, name_of(NightDamage::night_without_files));
  return list;
}

std::string damages_of(const NightMock& mock) {
  std::string lines;
  for (const NightMock::File& file : mock.files())
    if (file.damage != NightDamage::none)
      lines += fmt::format("damaged on purpose: {}: {}\n", file.has_damaged_table() ? file.table() : file.image(), name_of(file.damage));
  for (const std::string& folder : mock.empty_folders())
    lines += fmt::format("damaged on purpose: {}: {}\n", folder, name_of(NightDamage::night_without_files));
  return lines;
}

/// One partition for each pair of files.
std::vector<Partition> pieces_of(const NightMock& mock) {
  std::vector<Partition> pieces;
  for (const NightMock::File& file : mock.files()) {
    const std::int64_t row = std::ssize(pieces);
    pieces.push_back({row, file.name, {row, row + 1}, 1.0});
  }
  return pieces;
}

}  // namespace

ExitCode run_night_mock(const NightMockOptions& o, const std::string& tree_option, const CommandContext& context) {
  Ranks& ranks = *context.ranks;
  std::optional<NightMock> mock;
  ranks.together([&] { mock.emplace(o); });
  std::string tree = tree_option;
  while (tree.size() > 1 && tree.ends_with('/')) tree.pop_back();
  const std::string list = tree + ".csv";
  Run run(ranks, context.options, context.run, RunSetup{"mock", program_version, list, {list}, {}, &context.process});
  if (run.is_complete()) return ExitCode::done;
  run.once("folders", [&] { make_folders(*mock, tree); });
  TaskInfo task{"mock", "files"};
  task.whole_jobs = true;
  task.must_succeed = true;
  run.farm(task, pieces_of(*mock), std::make_shared<NightMockWork>(*mock, tree));
  run.once("list", [&] { write_durably(run.partial(list), list_of(*mock)); });
  run.publish({list});
  return run.finish(context.threads, fmt::format("{} nights, {} image files and as many tables in {}\n{}", grouped(o.nights),
                                                 grouped(std::ssize(mock->files())), tree, damages_of(*mock)));
}

}  // namespace skyfold
