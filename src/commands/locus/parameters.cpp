// The command locus parameters: published lists become the files that instances of the search read, as the published parameterisation made
// them for the grid: each instance has its parameter file, the list of the field files that it needs, and its command.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "published.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/commands/file_list.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/kernels/locus/options.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr double rating_of_star = 1.0;  // the published program gives it to targets that come from a field file; others have 0

struct LocusParameterOptions {
  std::string list, root, output;
  long instances = 1, count_bytes = 8, target_numbers = 8;
  LocusOptions locus;
};

/// What one instance works on: sets [begin, end), or, of a list of fields, files.
struct WorkUnit {
  std::size_t begin = 0, end = 0;
  std::int64_t targets = 0;
};

/// Cuts things into as many ranges as there are instances, of about the same weight; each has at least one.
std::vector<WorkUnit> share(const std::vector<std::int64_t>& weights, std::size_t instances) {
  std::vector<WorkUnit> units;
  std::int64_t left = 0;
  for (const std::int64_t weight : weights) left += weight;
  for (std::size_t at = 0; units.size() < instances;) {
    const auto units_left = static_cast<std::int64_t>(instances - units.size());
    const std::int64_t share = (left + units_left - 1) / units_left;
    WorkUnit unit{at, at, 0};
    // What is left must do for the units after this one.
    const std::size_t last = weights.size() - static_cast<std::size_t>(units_left - 1);
    while (unit.end < last && (unit.end == unit.begin || units_left == 1 || unit.targets + weights[unit.end] / 2 < share))
      unit.targets += weights[unit.end++];
    left -= unit.targets;
    at = unit.end;
    units.push_back(unit);
  }
  return units;
}

/// A word as a shell reads it.
std::string shell_word(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

class LocusParametersCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("list", o_.list, "list of the published program, CSV: targets, fields about reference fields, or fields").required().layout();
    option("root", o_.root, "folder of the field files that the list names").required().layout();
    option("output", o_.output, "beginning of the names of what is written: OUTPUT_FROM_TO.ppr, .prm, .prt, OUTPUT.units.csv")
        .required()
        .layout();
    option("instances", o_.instances, "instances of the search that share the list").range(1, 1e6);
    option("parameters.count_bytes", o_.count_bytes,
           "bytes of a count in the binary files, 8 or 4, as `long` of the machine that reads them")
        .range(4, 8);
    option("parameters.target_numbers", o_.target_numbers,
           "numbers of a target, 8 with its rating as the program has it, 7 as the paper says")
        .range(7, 8);
    option("locus.fov_ra", o_.locus.fov_ra, "width of the field of view along RA").unit("arcmin").range(0.01, 600.0);
    option("locus.fov_dec", o_.locus.fov_dec, "its height, the same: a parameter file has one number").unit("arcmin").range(0.01, 600.0);
    option("locus.dmag", o_.locus.dmag, "largest difference between star and target in the band").unit("mag").range(1e-6, 50.0);
    option("locus.dcol", o_.locus.dcol, "largest difference between star and target in each colour with the band")
        .unit("mag")
        .range(1e-6, 50.0);
    option("locus.resolution", o_.locus.resolution, "stars closer to each other than this are not used, 0 for all")
        .unit("arcsec")
        .range(0.0, 600.0);
  }

  ExitCode run(const CommandContext& context) override {
    check_options();
    context.process.input(o_.list);
    PublishedList list = read_published_list(o_.list, o_.root);
    if (!list.guessed.empty()) log_info("guessed " + list.guessed);
    list.kind == ListKind::fields ? write_fields(list) : write_sets(list);
    return ExitCode::done;
  }

 private:
  void check_options() const {
    if (o_.count_bytes != 8 && o_.count_bytes != 4)
      throw UsageError(fmt::format("parameters.count_bytes = {} (must be 8 or 4)", o_.count_bytes));
    if (o_.locus.fov_ra != o_.locus.fov_dec)
      throw UsageError(fmt::format("locus.fov_ra = {}, locus.fov_dec = {} (a parameter file has one size of the field)", o_.locus.fov_ra,
                                   o_.locus.fov_dec));
  }

  [[nodiscard]] BinaryForm form() const { return {static_cast<std::size_t>(o_.count_bytes), static_cast<std::size_t>(o_.target_numbers)}; }

  [[nodiscard]] std::vector<WorkUnit> units_of(const std::vector<std::int64_t>& weights, const char* what) const {
    if (weights.size() < static_cast<std::size_t>(o_.instances))
      throw UsageError(fmt::format("instances = {} ({} has {} {})", o_.instances, o_.list, weights.size(), what));
    return share(weights, static_cast<std::size_t>(o_.instances));
  }

  [[nodiscard]] std::string name_of(const WorkUnit& unit, const std::string& ending) const {
    return fmt::format("{}_{}_{}.{}", o_.output, unit.begin, unit.end, ending);
  }

  /// A list of fields: binary lists of their object lists, as import reads them.
  void write_fields(const PublishedList& list) const {
    require_field_files(list.files);
    const std::vector<WorkUnit> units = units_of(std::vector<std::int64_t>(list.files.size(), 1), "fields");
    std::vector<std::pair<std::string, std::string>> files;
    std::string table = "instance,begin,end,files,command\n";
    for (std::size_t k = 0; k < units.size(); ++k) {
      const std::vector<std::string> mine(list.files.begin() + static_cast<std::ptrdiff_t>(units[k].begin),
                                          list.files.begin() + static_cast<std::ptrdiff_t>(units[k].end));
      add_file_list(units[k], mine, files);
      table += fmt::format("{},{},{},{},{}\n", k, units[k].begin, units[k].end, mine.size(),
                           csv_cell(fmt::format("skyfold import --profile sdss-tsobj --input {} --output {}",
                                                shell_word(name_of(units[k], "prm")), shell_word(name_of(units[k], "h5")))));
    }
    files.emplace_back(o_.output + ".units.csv", table);
    write(files);
  }

  void write_sets(PublishedList& list) const {
    PublishedParameters& p = list.parameters;
    take_targets(list);
    p.fov_deg = o_.locus.fov_ra / 60.0;
    p.resolution_deg = o_.locus.resolution / 3600.0;
    p.dmag = o_.locus.dmag;
    p.dcol = o_.locus.dcol;
    std::vector<std::int64_t> weights;
    for (const PublishedSet& set : p.sets) weights.push_back(set.count);
    const std::vector<WorkUnit> units = units_of(weights, list.kind == ListKind::targets ? "targets" : "reference fields with stars");
    std::vector<std::pair<std::string, std::string>> files;
    std::string table = "instance,begin,end,targets,files,command\n";
    for (std::size_t k = 0; k < units.size(); ++k) {
      PublishedParameters mine{p.fov_deg, p.resolution_deg, p.dmag, p.dcol, {}};
      mine.sets.assign(p.sets.begin() + static_cast<std::ptrdiff_t>(units[k].begin),
                       p.sets.begin() + static_cast<std::ptrdiff_t>(units[k].end));
      files.emplace_back(name_of(units[k], "ppr"), parameter_bytes(mine, form(), list.kind == ListKind::traversal ? rating_of_star : 0.0));
      std::set<std::string> needed;
      for (const PublishedSet& set : mine.sets) needed.insert(set.files.begin(), set.files.end());
      add_file_list(units[k], {needed.begin(), needed.end()}, files);
      table += fmt::format("{},{},{},{},{},{}\n", k, units[k].begin, units[k].end, units[k].targets, needed.size(),
                           csv_cell(fmt::format("skyfold locus --parameters {} --output {}", shell_word(name_of(units[k], "ppr")),
                                                shell_word(name_of(units[k], "h5")))));
    }
    files.emplace_back(o_.output + ".units.csv", table);
    write(files);
  }

  /// Checks that all field files are there, and reads the targets of a traversal: the stars of its reference fields.
  void take_targets(PublishedList& list) const {
    std::set<std::string> local;
    for (const PublishedSet& set : list.parameters.sets) {
      for (const std::string& file : set.files) local.insert(local_field_file(file, ""));
      if (!set.reference.empty()) local.insert(local_field_file(set.reference, ""));
    }
    require_field_files({local.begin(), local.end()});
    for (PublishedSet& set : list.parameters.sets) {
      if (set.reference.empty()) continue;
      const Table stars = read_field_file(local_field_file(set.reference, ""));
      for (std::size_t i = 0; i < stars.rows(); ++i) {
        std::array<double, 7> target{};
        for (std::size_t c = 0; c < target.size(); ++c) target[c] = stars[c].number(i);
        set.targets.push_back(target);
      }
      set.count = std::ssize(set.targets);
    }
    std::erase_if(list.parameters.sets, [](const PublishedSet& set) { return set.count == 0; });
    if (list.parameters.sets.empty()) throw DataError(o_.list + ": no targets (the reference fields have no stars)");
  }

  void add_file_list(const WorkUnit& unit, const std::vector<std::string>& names,
                     std::vector<std::pair<std::string, std::string>>& files) const {
    files.emplace_back(name_of(unit, "prm"), file_list_bytes(names, form()));
    files.emplace_back(name_of(unit, "prt"), file_list_text(names));
  }

  /// All are known before the first is written: what is wrong leaves nothing behind. The table of units comes last.
  void write(const std::vector<std::pair<std::string, std::string>>& files) const {
    std::vector<std::string> paths;
    for (const auto& file : files) paths.push_back(file.first);
    check_outputs(paths, {o_.list});
    check_replaceable(paths);
    for (const auto& [path, bytes] : files) write_durably(path, bytes);
    log_info(
        fmt::format("wrote {} files for {} instances: {}_*.ppr, .prm, .prt and {}", files.size(), o_.instances, o_.output, paths.back()));
  }

  LocusParameterOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_locus_parameters_command() { return std::make_unique<LocusParametersCommand>(); }

}  // namespace skyfold
