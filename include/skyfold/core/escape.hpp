#pragma once

#include <string>
#include <string_view>

/// Text of any origin (names of files, attributes of foreign files, values of options), made fit for the place where it is
/// shown: one function per kind of place.
namespace skyfold {

/// The text as UTF-8: a byte that is none becomes the four characters \xNN.
[[nodiscard]] std::string valid_utf8(std::string_view text);
/// The same without control characters, which become \n, \r, \t or \xNN, too: for terminals, where they could hide or forge
/// what is shown, and for messages of one line.
[[nodiscard]] std::string one_line(std::string_view text);
/// The same, but line breaks and tabs stay.
[[nodiscard]] std::string printable(std::string_view text);
/// For elements and quoted attributes of HTML, XML and SVG.
[[nodiscard]] std::string html_text(std::string_view text);
/// For the value of a label of Prometheus' text format, within the quotes.
[[nodiscard]] std::string prometheus_text(std::string_view text);

/// The text as UTF-8 from which `bytes_of_reversible` makes the same bytes again: as `valid_utf8`, a backslash as two. For names
/// that a program of ours reads back.
[[nodiscard]] std::string reversible_utf8(std::string_view text);
[[nodiscard]] std::string bytes_of_reversible(std::string_view text);

/// A JSON value (of nlohmann's types) as text, whatever bytes its texts hold. All JSON is written by this.
/// @param indent  blanks per level; -1: one line
template <class Json>
[[nodiscard]] std::string json_text(const Json& json, int indent = -1);

/// The same value with all its texts and keys as `change` makes them.
template <class Json>
[[nodiscard]] Json with_texts(const Json& json, std::string (*change)(std::string_view)) {
  if (json.is_string()) return change(json.template get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  Json changed = json.is_array() ? Json::array() : Json::object();
  for (const auto& item : json.items()) {
    if (json.is_array())
      changed.push_back(with_texts(item.value(), change));
    else
      changed[change(item.key())] = with_texts(item.value(), change);
  }
  return changed;
}

template <class Json>
std::string json_text(const Json& json, int indent) {
  return with_texts(json, valid_utf8).dump(indent);
}

}  // namespace skyfold
