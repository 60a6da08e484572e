#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace skyfold {

/// A set of the published programs: targets, and the field files whose stars are put together about them.
struct PublishedSet {
  std::vector<std::string> files;
  std::vector<std::array<double, 7>> targets;  ///< RA, Dec, u, g, r, i, z
  std::string reference;                       ///< file whose stars all are targets; "" when `targets` are given
  std::int64_t count = 0;                      ///< number of targets
  std::int64_t id = 0;                         ///< of the target of a list
};

/// A parameter file (PPR), or one of the published lists.
struct PublishedParameters {
  double fov_deg = 0.0, resolution_deg = 0.0, dmag = 0.0, dcol = 0.0;  ///< 0 in lists, which do not say
  std::vector<PublishedSet> sets;
};

/// How the binary files of a machine look.
struct BinaryForm {
  std::size_t count_bytes = 8;     ///< of a count: 8 or 4
  std::size_t target_numbers = 8;  ///< of a target: 8, with its rating, or 7 without
};

/// Reads a binary parameter file, little-endian, with counts of 4 or 8 bytes and targets of 8 or 7 doubles: whichever fits the file's size
/// exactly. Throws IoError, or DataError when none does.
/// @param form  filled with what fitted, unless null
[[nodiscard]] PublishedParameters read_parameter_file(const std::string& path, BinaryForm* form = nullptr);

/// The bytes of a parameter file (PPR). Throws DataError for paths that are longer than the format has room for.
/// @param rating  of every target, where targets have one
[[nodiscard]] std::string parameter_bytes(const PublishedParameters& parameters, BinaryForm form, double rating);
/// Those of a list of files (PRM), and of its text (PRT): an empty line, the number of files, their names.
[[nodiscard]] std::string file_list_bytes(const std::vector<std::string>& files, BinaryForm form);
[[nodiscard]] std::string file_list_text(const std::vector<std::string>& files);

/// What a published list holds: a line for each field about a target, a line for each field about a reference field, all of whose stars are
/// targets, or a line for each field (the API mode of the published program).
enum class ListKind { targets, traversal, fields };

/// A published list (CSV).
struct PublishedList {
  ListKind kind = ListKind::targets;
  std::string guessed;             ///< what its columns were taken for, where their names do not tell; else ""
  PublishedParameters parameters;  ///< of targets or a traversal
  std::vector<std::string> files;  ///< of fields
};

/// Reads a published list: columns are known by their names (REF RUN, REF RERUN, REF CAMCOL, REF FIELD and RUN, RERUN, CAMCOL, FIELD of a
/// traversal; run, rerun, camcol, field of fields), else by their number (13: targets; 11: a traversal whose last eight they are; 10: one
/// whose first and last four they are). Field files are looked for below `root`, as SDSS lays them out. Throws DataError.
[[nodiscard]] PublishedList read_published_list(const std::string& path, const std::string& root);

}  // namespace skyfold
