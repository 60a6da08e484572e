// The command convert-config: configurations of BPZ, LePhare and EAZY become one of train. What it writes is read back by train's own
// options before it gets its name, so that it is one.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "conversion.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {
namespace {

using convert::Conversion;
using convert::Places;

struct ConvertOptions {
  std::vector<std::string> files;
  std::string output, catalogue;
  Places places;
};

/// The files that were given, by what their endings say.
struct GivenFiles {
  std::string pars, columns, para, param, translate, zeropoint;
};

GivenFiles sorted_out(const std::vector<std::string>& files) {
  GivenFiles given;
  const std::pair<const char*, std::string*> kinds[] = {{".pars", &given.pars},           {".columns", &given.columns},
                                                        {".para", &given.para},           {".param", &given.param},
                                                        {".translate", &given.translate}, {".zeropoint", &given.zeropoint}};
  for (const std::string& file : files) {
    const auto kind = std::ranges::find_if(kinds, [&](const auto& k) { return file.ends_with(k.first); });
    if (kind == std::end(kinds))
      throw UsageError(
          fmt::format("{}: of what program? (BPZ: .pars, .columns; LePhare: .para; EAZY: .param, .translate, .zeropoint)", file));
    if (!kind->second->empty())
      throw UsageError(fmt::format("{} and {}: two {} files (one configuration is converted)", *kind->second, file, kind->first));
    *kind->second = file;
  }
  const bool is_bpz = !given.pars.empty() || !given.columns.empty(), is_lephare = !given.para.empty();
  const bool is_eazy = !given.param.empty() || !given.translate.empty() || !given.zeropoint.empty();
  if (is_bpz + is_lephare + is_eazy > 1)
    throw UsageError(fmt::format("{}: files of several programs (one configuration is converted)", join(files, ", ")));
  return given;
}

/// The configuration as it is written: options by section, each under a comment; then what became none.
std::string text_of(Conversion& conversion, const std::vector<std::string>& files) {
  auto& settings = conversion.settings();
  const auto section_of = [](const std::string& option) {
    const std::size_t dot = option.find('.');
    return dot == std::string::npos ? std::string() : option.substr(0, dot);
  };
  std::string text = fmt::format("# Options of skyfold train, from {}.\n", one_line(join(files, ", ")));
  text +=
      "# skyfold train --config THIS --sample SAMPLE --output MODEL.h5; then skyfold photoz --catalogue CATALOGUE --model MODEL.h5 "
      "--output Z.hdf5\n";
  if (!conversion.refusals.empty()) text += "\n# Not supported; results differ:\n";
  for (const auto& [from, why] : conversion.refusals) text += fmt::format("#   {}: {}\n", one_line(from), one_line(why));
  std::vector<std::string> sections = {""};
  for (const auto& setting : settings)
    if (const std::string section = section_of(setting.option); std::ranges::find(sections, section) == sections.end())
      sections.push_back(section);
  for (const std::string& section : sections) {
    if (!section.empty()) text += fmt::format("\n[{}]\n", section);
    if (section.empty()) text += "\n";
    for (const auto& setting : settings)
      if (section_of(setting.option) == section)
        text += fmt::format("# {}\n{} = {}\n", one_line(setting.from),
                            section.empty() ? setting.option : setting.option.substr(section.size() + 1), setting.value);
  }
  if (!conversion.answers.empty()) text += "\n# No option of train:\n";
  for (const auto& [from, why] : conversion.answers) text += fmt::format("#   {}: {}\n", one_line(from), one_line(why));
  return text;
}

/// Options that this version's train has not: named, and left out.
void drop_unknown(Conversion& conversion, const OptionSet& train) {
  const std::vector<std::string> names = train.names();
  std::erase_if(conversion.settings(), [&](const Conversion::Setting& setting) {
    if (std::ranges::find(names, setting.option) != names.end()) return false;
    conversion.refuse(setting.from, fmt::format("train has no option {} ({})", setting.option, setting.value));
    return true;
  });
}

class ConvertConfigCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("files", o_.files, "BPZ: .pars, .columns; LePhare: .para; EAZY: .param, .translate, .zeropoint").required().layout();
    option("output", o_.output, "configuration of train to write, INI").required().layout();
    option("seds", o_.places.seds, "folder in which lists of spectra and their files are looked for first").layout();
    option("filters", o_.places.filters, "folder in which filters are looked for first").layout();
    option("catalogue", o_.catalogue, "table whose columns the configuration names by number").layout();
    option("bands", o_.places.bands, "names of the bands, in the order of the filters, where the configuration has none (LePhare)");
    option("vega", o_.places.vega, "added to magnitudes of Vega to make them AB: one number for all bands, or one per band")
        .unit("mag")
        .range(-10.0, 10.0);
  }

  /// The first words are the files.
  std::vector<std::string> own_words(std::vector<std::string> words) override {
    if (!words.empty() && !words.front().starts_with('-')) words.insert(words.begin(), "--files");
    return words;
  }

  ExitCode run(const CommandContext& context) override {
    const GivenFiles given = sorted_out(o_.files);
    std::vector<std::string> outputs = {o_.output};
    for (const char* word : {"templates", "qso", "stars"}) outputs.push_back(list_path(word));
    check_outputs(outputs, o_.files);
    check_replaceable(outputs);
    for (const std::string& file : o_.files) context.process.input(file);
    if (!o_.catalogue.empty()) {
      const Dataset catalogue(o_.catalogue);  // the schema is its own
      for (const ColumnInfo& column : catalogue.schema()) o_.places.columns.push_back(column.name);
    }
    Conversion conversion;
    convert_files(given, conversion);
    for (const auto& [option, word, paths, from] : conversion.lists)
      conversion.set(option, quoted_value(std::filesystem::absolute(list_path(word)).lexically_normal().string()),
                     from + ", listed with full paths");
    write(conversion);
    return ExitCode::done;
  }

 private:
  std::string list_path(const std::string& word) const {
    return std::filesystem::path(o_.output).replace_extension("." + word + ".list").string();
  }

  void convert_files(const GivenFiles& given, Conversion& conversion) const {
    if (!given.para.empty()) return convert::convert_lephare(given.para, o_.places, conversion);
    if (!given.pars.empty() || !given.columns.empty()) return convert::convert_bpz(given.pars, given.columns, o_.places, conversion);
    convert::convert_eazy(given.param, given.translate, given.zeropoint, o_.places, conversion);
  }

  void write(Conversion& conversion) const {
    const auto entry = std::ranges::find(command_list(), std::string_view("train"), &CommandEntry::name);
    const auto train = entry->make();
    OptionSet options;
    train->describe(options);
    drop_unknown(conversion, options);
    const std::string text = text_of(conversion, o_.files);
    check(text, options);
    for (const Conversion::TemplateList& list : conversion.lists) write_list(list);
    write_durably(o_.output, text);
    for (const auto& [from, why] : conversion.refusals) log_warning(fmt::format("not supported: {}: {}", from, why));
    log_info(fmt::format("{} options, {} keys that need none, {} not supported", conversion.settings().size(), conversion.answers.size(),
                         conversion.refusals.size()));
    log_info(fmt::format("wrote {}", o_.output));
  }

  void write_list(const Conversion::TemplateList& list) const {
    std::string lines = fmt::format("# {}\n", one_line(list.from));
    for (const std::string& path : list.paths) {
      // Lists are words, as BPZ and LePhare have them.
      if (path.find_first_of(" \t#,") != std::string::npos)
        throw UsageError(path + ": a path with blanks, commas or # cannot stand in a list");
      lines += path + "\n";
    }
    write_durably(list_path(list.word), lines);
    log_info(fmt::format("wrote {}", list_path(list.word)));
  }

  /// As train will read it: a value out of range is found here, not there.
  void check(const std::string& text, OptionSet& options) const {
    const std::string folder = std::filesystem::path(o_.output).parent_path().string();
    const std::string path = make_temporary(folder.empty() ? "." : folder);
    std::string wrong;
    try {
      write_durably(path, text);
      options.read_ini(path);
    } catch (const UsageError& error) {
      wrong = error.what();
    } catch (...) {
      std::filesystem::remove(path);
      throw;
    }
    std::filesystem::remove(path);
    if (wrong.empty()) return;
    if (wrong.starts_with(path)) wrong = "train" + wrong.substr(path.size());
    throw UsageError(fmt::format("{}: what it says is no configuration of train: {}", o_.files.front(), wrong));
  }

  ConvertOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_convert_config_command() { return std::make_unique<ConvertConfigCommand>(); }

}  // namespace skyfold
