#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The one rule by which texts are written where blanks, commas and `#` mean something: in INI files, lists of options and recorded
/// configurations. A text that would not read back as it is stands in double quotes, in which `\"`, `\\`, `\n`, `\r`, `\t` and
/// `\xNN` are single characters. A text that begins with a quote and is not such a form as a whole is read as it stands.
namespace skyfold {

/// A value of one text, as an INI file has it.
[[nodiscard]] std::string quoted_value(std::string_view text);
/// Its text. `value` is all that stands behind the `=`; a comment (`#` after a blank) may follow.
[[nodiscard]] std::string unquoted_value(std::string_view value);

/// A list of texts, separated by commas.
[[nodiscard]] std::string quoted_list(std::span<const std::string> texts);
/// Its texts. Blanks around them do not count; no text gives none.
[[nodiscard]] std::vector<std::string> unquoted_list(std::string_view list);
/// What stands behind the `=` of a list in an INI file, without the comment.
[[nodiscard]] std::string_view list_without_comment(std::string_view value);

}  // namespace skyfold
