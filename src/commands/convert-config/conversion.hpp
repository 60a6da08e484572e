#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What configurations of other programs become: options of train, each with where it comes from, and an answer to all else.
namespace skyfold::convert {

/// A line of a file of keys: `KEY value value ... # comment`.
struct Entry {
  std::string key, value;
  std::vector<std::string> words;  ///< of the value; commas separate, too
  std::size_t line = 0;
};

/// A file of keys. A key that occurs twice is an error: programs differ in which one counts.
class KeyFile {
 public:
  /// Throws DataError for a key without a value and for one that occurs twice.
  KeyFile(const std::string& path, std::string_view text);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const Entry* find(std::string_view key) const noexcept;
  /// "X.pars, line 3: DZ"
  [[nodiscard]] std::string at(const Entry& entry) const;
  /// Throws DataError for what is no number.
  [[nodiscard]] double number(const Entry& entry, std::size_t word = 0) const;
  /// yes, y, true, 1, on; no, n, false, 0, none. Throws DataError for anything else.
  [[nodiscard]] bool is_yes(const Entry& entry) const;

 private:
  std::string path_;
  std::vector<Entry> entries_;
};

/// Lines with words, without comments and empty ones; commas separate, too.
struct WordLine {
  std::size_t line = 0;
  std::vector<std::string> words;
};
[[nodiscard]] std::vector<WordLine> word_lines(std::string_view text);

/// Where files are that a configuration names, and what it does not say.
struct Places {
  std::string seds, filters;         ///< folders that the user names; "": none
  std::vector<std::string> columns;  ///< names of the catalogue's columns, for those that are named by number
  std::vector<double> vega;          ///< AB magnitude of Vega per band, or one for all; empty: not known
  std::vector<std::string> bands;    ///< names of the bands, where the configuration has none
};

/// Options, and answers to what becomes none.
class Conversion {
 public:
  /// @param value  as an INI file has it
  /// @param from   "MAGTYPE AB of X.para, line 3"
  void set(const std::string& option, const std::string& value, const std::string& from);
  void set_number(const std::string& option, double value, const std::string& from);
  void set_numbers(const std::string& option, const std::vector<double>& values, const std::string& from);
  /// What has no part in a model here, or is so here, too.
  void answer(const std::string& from, const std::string& why);
  /// What the other program does and skyfold does not: results differ.
  void refuse(const std::string& from, const std::string& why);
  /// A list of spectra to be written beside the configuration as OUTPUT.WORD.list, with the paths that were found.
  struct TemplateList {
    std::string option, word;
    std::vector<std::string> paths;
    std::string from;
  };
  struct Setting {
    std::string option, value, from;
  };
  [[nodiscard]] std::vector<Setting>& settings() noexcept { return settings_; }
  struct Answer {
    std::string from, why;
  };
  std::vector<Answer> answers, refusals;
  std::vector<TemplateList> lists;

 private:
  std::vector<Setting> settings_;
};

/// What a key that becomes no option means: an answer where its value is one of `same` (or always, for "*"), else not supported.
struct FixedKey {
  const char *key, *same, *why;  ///< `same`: words separated by blanks
};
/// Answers all keys of `fixed`; those that are neither there nor in `handled` are named as unknown.
void answer_keys(const KeyFile& file, std::span<const FixedKey> fixed, std::span<const std::string_view> handled, Conversion& conversion);

/// A name as a pattern of band names: mag_{band}_lsst for mag_g_lsst, mag_r_lsst.
struct Patterns {
  std::vector<std::string> bands;
  std::string value, error;
};
/// Throws DataError where names do not differ by the band alone.
/// @param where  the file, for messages
[[nodiscard]] Patterns patterns_of(const std::vector<std::string>& values, const std::vector<std::string>& errors,
                                   const std::string& where);

/// The first of the folders that has a file of this name, as an absolute path. Throws UsageError with the folders that were looked in.
[[nodiscard]] std::string find_file(const std::string& name, const std::vector<std::string>& folders, const std::string& at);
[[nodiscard]] std::string folder_of(const std::string& path);
/// $NAME at the beginning replaced by the environment's; "" where that has none.
[[nodiscard]] std::string expanded(const std::string& path);
[[nodiscard]] std::string shown(double number);

/// Readers of the programs' files.
void convert_bpz(const std::string& pars_path, std::string columns_path, const Places& places, Conversion& conversion);
void convert_eazy(const std::string& param_path, const std::string& translate_path, const std::string& zeropoint_path, const Places& places,
                  Conversion& conversion);
void convert_lephare(const std::string& path, const Places& places, Conversion& conversion);

}  // namespace skyfold::convert
