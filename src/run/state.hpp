#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/registry/input_state.hpp"

namespace skyfold {

struct ProductState {
  std::string path;
  std::int64_t bytes = 0;    ///< once published
  std::int64_t time_ns = 0;  ///< of its last change before that; 0: not known
};
/// State of a product that waits for its final name `path` at `partial`. Throws IoError.
[[nodiscard]] ProductState product_state(const std::string& path, const std::string& partial);
/// Throws IoError when the file that waits for its final name has changed since.
void check_unchanged(const ProductState& product, const std::string& partial);

/// The file `state.json` of a run folder: what the run is, and how far it is.
struct RunState {
  std::string phase = "running";  ///< running, publishing, done
  std::string command, version, output;
  std::map<std::string, std::string> options;
  std::vector<InputState> inputs;
  std::vector<std::string> declared;  ///< absolute paths of the products that were asked for
  std::vector<ProductState> products;
  std::vector<std::string> along;  ///< file names of the products beside the main one that every attempt filled with the rows
  int reopened = 0;                ///< how often a finished run was taken up again
  int exit_code = 0;               ///< once done

  [[nodiscard]] std::string text() const;
};
/// Nothing when there is none. Throws IoError when it cannot be read, or is not one of this format: it may belong to work
/// that is worth going on from.
[[nodiscard]] std::optional<RunState> read_run_state(const std::string& path);

/// What decides the rows must be equal; products beside the main one may differ. Throws UsageError for the first kind of difference that
/// would change the answer, with all differences of that kind, and DataError for changed inputs.
void check_same_run(const RunState& before, const RunState& now);

}  // namespace skyfold
