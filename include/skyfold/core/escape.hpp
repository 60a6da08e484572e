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

/// A JSON value (of nlohmann's types) as text, whatever bytes its texts hold. All JSON is written by this.
/// @param indent  blanks per level; -1: one line
template <class Json>
[[nodiscard]] std::string json_text(const Json& json, int indent = -1);

template <class Json>
[[nodiscard]] Json with_valid_utf8(const Json& json) {
  if (json.is_string()) return valid_utf8(json.template get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  Json valid = json.is_array() ? Json::array() : Json::object();
  for (const auto& item : json.items()) {
    if (json.is_array()) valid.push_back(with_valid_utf8(item.value()));
    else valid[valid_utf8(item.key())] = with_valid_utf8(item.value());
  }
  return valid;
}

template <class Json>
std::string json_text(const Json& json, int indent) {
  return with_valid_utf8(json).dump(indent);
}

}  // namespace skyfold
