// Previews of images (use case CU2): of any file alone, for who curates, and of a whole tree by the command curate previews.
#include "previews.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <set>

#include "extraction.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_image.hpp"
#include "skyfold/io/jpeg.hpp"
#include "tree.hpp"

namespace skyfold {

namespace fs = std::filesystem;

std::vector<Preview> previews_of(const std::string& image, const std::string& stem, const PreviewOptions& o) {
  std::vector<MadeOfImage> made = make_of_images(image, [&](const FitsImage& pixels) {
    const std::optional<Orientation> orientation = pixels.cd ? orientation_of(*pixels.cd) : std::nullopt;
    const GreyPicture picture = picture_of(pixels.pixels, pixels.width, orientation.value_or(Orientation{}), o);
    return (orientation ? "o" : "-") + jpeg_of(picture.pixels, picture.width, static_cast<int>(o.quality));
  });
  if (made.empty()) throw DataError(fmt::format("{}: has no images (no previews can be made)", image));
  std::vector<Preview> previews;
  for (MadeOfImage& one : made) {
    const bool is_oriented = one.made[0] == 'o';
    one.made.erase(0, 1);
    previews.push_back(
        {one.extension, fmt::format("{}_{}.jpg", stem, one.extension), hex64(hash_text(one.made)), is_oriented, std::move(one.made)});
  }
  return previews;
}

namespace {

void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(fmt::format("{}: no folder can be made ({})", folder, error.message()));
}

/// Files that get their names together, once all are on the disk: the disk is waited for once, not for each.
class PreviewFiles {
 public:
  /// @param prefix  what the paths of files begin with that have no name yet
  PreviewFiles(std::string prefix, std::string folder) : prefix_(std::move(prefix)), folder_(std::move(folder)) { make_folder(folder_); }
  /// Of a full disk nothing is left to those who need it.
  ~PreviewFiles() {
    std::error_code ignored;
    for (const std::string& name : is_published_ ? std::set<std::string>() : names_) fs::remove(prefix_ + name, ignored);
  }
  PreviewFiles(const PreviewFiles&) = delete;
  PreviewFiles& operator=(const PreviewFiles&) = delete;

  /// Throws DataError for a name that is taken.
  void add(const std::vector<Preview>& previews, const std::string& image) {
    for (const Preview& preview : previews)
      if (!names_.insert(preview.name).second)
        throw DataError(fmt::format("{}: another image of the night has previews named {}, too", image, preview.name));
    for (const Preview& preview : previews) {
      File file = File::created(prefix_ + preview.name);
      file.write(0, preview.bytes);
      file.close();
    }
  }
  void publish() {
    for (const std::string& name : names_) sync_path(prefix_ + name);
    for (const std::string& name : names_) put_in_place(prefix_ + name, folder_ + "/" + name);
    sync_path(folder_);
    is_published_ = true;
  }

 private:
  std::string prefix_, folder_;
  std::set<std::string> names_;
  bool is_published_ = false;
};

}  // namespace

std::string extract_previews(const CurateTask& task, const ExtractionPlace& place) {
  const std::string relative = "previews/" + fs::path(task.night_folder).filename().string();
  // In the ledger, where what a kill leaves behind goes with the task.
  PreviewFiles files(place.ledger.path(task.name() + "."), place.folder + "/" + relative);
  std::string result;
  for (const TaskFile& file : task.files) {
    check_stop();
    const std::string image = task.night_folder + "/" + file.name;
    std::vector<Preview> previews;
    std::string failure;
    try {
      previews = previews_of(image, night_file(file.name).stem, PreviewOptions{});
    } catch (const Error& error) {
      if (!is_of_file(error, image)) throw;
      failure = error.what();
    }
    if (failure.empty()) {
      try {
        files.add(previews, image);
      } catch (const DataError& error) {
        failure = error.what();
      }
    }
    if (!failure.empty()) {
      result += fmt::format("F\t{}\t{}\n", file.multiframe_id, cell_of(failure));
      continue;
    }
    for (const Preview& preview : previews)
      result += fmt::format("P\t{}\t{}\t{}\t{}\t{}\n", file.multiframe_id, preview.extension, cell_of(relative + "/" + preview.name),
                            preview.bytes.size(), preview.hash);
  }
  files.publish();
  return result;
}

namespace {

struct PreviewsOptions {
  std::string tree, output;
  PreviewOptions preview;
};

/// An image file and where its previews come.
struct ImageToShow {
  std::string path, stem, folder;
  std::string beside;  ///< an image with the same stem, which has these names; "" for none
};

std::vector<ImageToShow> images_of(const PreviewsOptions& o) {
  std::vector<ImageToShow> images;
  for (const Night& night : nights_of(o.tree)) {
    std::map<std::string, std::string> names;
    for (const NightFile& file : night.files) {
      if (file.kind != NightFile::Kind::image) continue;
      const auto [first, is_first] = names.emplace(file.stem, file.name);
      images.push_back({night.folder + "/" + file.name, file.stem, o.output + "/" + night.name, is_first ? "" : first->second});
    }
  }
  return images;
}

/// What came of an image: the number of previews, how many of them are not oriented, their bytes; or what is wrong.
std::string show(const ImageToShow& image, const PreviewOptions& o) {
  if (!image.beside.empty())
    return fmt::format("!{}: is a second image beside {} (their previews would have the same names)", image.path, image.beside);
  std::vector<Preview> previews;
  try {
    previews = previews_of(image.path, image.stem, o);
  } catch (const Error& error) {
    if (!is_of_file(error, image.path)) throw;
    return std::string("!") + error.what();
  }
  PreviewFiles files(image.folder + "/.making.", image.folder);
  files.add(previews, image.path);
  files.publish();
  std::int64_t unoriented = 0, bytes = 0;
  for (const Preview& preview : previews) {
    unoriented += preview.is_oriented ? 0 : 1;
    bytes += std::ssize(preview.bytes);
  }
  return fmt::format("{} {} {}", previews.size(), unoriented, bytes);
}

class CuratePreviewsCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("tree", options_.tree, "tree of nights, or one night").required().positional();
    option("output", options_.output, "folder that the previews come into, one for each night").required().layout();
    skyfold::describe(option, options_.preview);
  }

  ExitCode run(const CommandContext& context) override {
    if (options_.preview.low >= options_.preview.high)
      throw UsageError(fmt::format("--preview.low = {} (must be below --preview.high = {})", options_.preview.low, options_.preview.high));
    const Ranks* ranks = context.ranks;
    std::vector<ImageToShow> images;
    const auto find = [&] { images = images_of(options_); };
    ranks ? ranks->together(find) : find();
    const auto unit = [&](std::size_t i) { return show(images[i], options_.preview); };
    std::vector<std::string> results;
    if (ranks)
      results = ranks->run_units(images.size(), unit);
    else
      for (std::size_t i = 0; i < images.size(); ++i) {
        check_stop();
        results.push_back(unit(i));
      }
    return report(results);
  }

 private:
  static ExitCode report(const std::vector<std::string>& results) {
    std::int64_t count = 0, unoriented = 0, bytes = 0, failed = 0;
    for (const std::string& result : results) {
      if (result.starts_with('!')) {
        log_warning(result.substr(1));
        ++failed;
        continue;
      }
      const std::vector<std::string> numbers = split(result, ' ');
      count += std::stoll(numbers.at(0));
      unoriented += std::stoll(numbers.at(1));
      bytes += std::stoll(numbers.at(2));
    }
    log_info(fmt::format("{} previews of {} image files, {:.1f} MB", grouped(count), grouped(std::ssize(results) - failed),
                         static_cast<double>(bytes) / 1e6));
    if (unoriented > 0)
      log_info(
          fmt::format("{} of them have the axes of their pixels: no sky coordinates within 30 degrees of these axes", grouped(unoriented)));
    return failed > 0 ? ExitCode::incomplete : ExitCode::done;
  }

  PreviewsOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_curate_previews_command() { return std::make_unique<CuratePreviewsCommand>(); }

}  // namespace skyfold
