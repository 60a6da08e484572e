#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skyfold/workflow/file.hpp"

namespace skyfold::workflow {

/// Values of the settings of a pipeline file, without their comments. All throw UsageError for a text that is none.

/// Seconds: 2h, 90s, 1h30m, 15m, 2d, 90.
[[nodiscard]] double duration(std::string_view text);
/// Bytes: 4G, 10M, 512k, 1.5T, 4096; of 1024 each.
[[nodiscard]] std::int64_t byte_count(std::string_view text);
[[nodiscard]] int whole_number(std::string_view text, int low, int high);
[[nodiscard]] bool true_or_false(std::string_view text);

/// Of steps, tasks and pipelines: letters, digits, _ and -, a letter or _ first.
[[nodiscard]] bool is_node_name(std::string_view text) noexcept;
/// Of keys of events, and of classes of events that tasks emit: a dot, too.
[[nodiscard]] bool is_key_name(std::string_view text) noexcept;

/// "reduced, all of brick but failed", also several: "a, b, all of *".
[[nodiscard]] std::vector<Trigger> triggers(std::string_view text);

/// "NAME in FILE"; the name is empty where there is only a file.
struct NamedTable {
  std::string name, file;
};
[[nodiscard]] NamedTable named_table(std::string_view text);
/// Names of what a row of a table is: of images.csv images and image.
[[nodiscard]] std::vector<std::string> row_names(const std::string& file);

/// A product of a step in an option's value: @train, @train:dnf.
struct StepReference {
  std::string step, product;
};
/// Those in a value: the whole of it, or elements of a list. What is @ and no such name, such as @list.txt, is none.
[[nodiscard]] std::vector<StepReference> references_in(std::string_view value);
/// Whether a text is one as a whole.
[[nodiscard]] bool is_reference(std::string_view text, StepReference& reference);

/// A condition in the language of conditions, and the keys in it.
/// Throws UsageError for one that can be none, whatever the values of the keys.
void check_condition(const std::string& condition);

}  // namespace skyfold::workflow
