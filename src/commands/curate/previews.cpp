// Previews of images (use case CU2): of any file alone, for who curates, and of a whole tree by the command curate previews.
#include "previews.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "skyfold/commands/command.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/fits_image.hpp"
#include "skyfold/io/jpeg.hpp"
#include "tree.hpp"

namespace skyfold {

namespace fs = std::filesystem;

std::vector<Preview> make_previews(const std::string& image, const std::string& stem, const std::string& folder, const PreviewOptions& o) {
  const std::vector<MadeOfImage> made = make_of_images(image, [&](const FitsImage& pixels) {
    const std::optional<Orientation> orientation = pixels.cd ? orientation_of(*pixels.cd) : std::nullopt;
    const GreyPicture picture = picture_of(pixels.pixels, pixels.width, orientation.value_or(Orientation{}), o);
    return (orientation ? "o" : "-") + jpeg_of(picture.pixels, picture.width, static_cast<int>(o.quality));
  });
  if (made.empty()) throw DataError(fmt::format("{}: has no images (no previews can be made)", image));
  std::vector<Preview> previews;
  for (const MadeOfImage& one : made) {
    previews.push_back({one.extension, fmt::format("{}_{}.jpg", stem, one.extension), one.made[0] == 'o', std::ssize(one.made) - 1});
    write_durably(folder + "/" + previews.back().name, std::string_view(one.made).substr(1));
  }
  return previews;
}

namespace {

struct PreviewsOptions {
  std::string tree, output;
  PreviewOptions preview;
};

/// An image file and where its previews come.
struct ImageToShow {
  std::string path, stem, folder;
};

std::vector<ImageToShow> images_of(const PreviewsOptions& o) {
  std::vector<ImageToShow> images;
  for (const Night& night : nights_of(o.tree))
    for (const NightFile& file : night.files)
      if (file.kind == NightFile::Kind::image) images.push_back({night.folder + "/" + file.name, file.stem, o.output + "/" + night.name});
  return images;
}

void make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(fmt::format("{}: no folder can be made ({})", folder, error.message()));
}

/// What came of an image: the number of previews, how many of them are not oriented, their bytes; or what is wrong.
std::string show(const ImageToShow& image, const PreviewOptions& o) {
  try {
    make_folder(image.folder);
    std::int64_t unoriented = 0, bytes = 0;
    const std::vector<Preview> previews = make_previews(image.path, image.stem, image.folder, o);
    for (const Preview& preview : previews) {
      unoriented += preview.is_oriented ? 0 : 1;
      bytes += preview.bytes;
    }
    return fmt::format("{} {} {}", previews.size(), unoriented, bytes);
  } catch (const DataError& error) {
    return std::string("!") + error.what();
  }
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
