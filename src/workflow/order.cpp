// Orders as lines of JSON with a checksum, as the journal's records are: for keepers, and for agents in other processes.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "post_files.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/workflow/agent.hpp"

namespace skyfold::workflow {
namespace {

using nlohmann::json;

constexpr std::size_t checksum_digits = 16;

std::string text_of(const json& value) { return bytes_of_reversible(value.get_ref<const std::string&>()); }

Order order_in(const json& j) {
  Order order;
  order.job = j.at("job");
  order.attempt = j.at("attempt");
  order.slots = j.at("slots");
  for (const json& word : j.at("words")) order.words.push_back(text_of(word));
  order.folder = text_of(j.at("folder"));
  order.scratch = text_of(j.at("scratch"));
  order.log = text_of(j.at("log"));
  for (const json& pair : j.at("environment")) order.environment.emplace_back(text_of(pair.at(0)), text_of(pair.at(1)));
  order.is_step = j.at("step");
  order.timeout_s = j.at("timeout");
  order.grace_s = j.at("grace");
  order.memory_bytes = j.at("memory");
  order.log_bytes = j.at("log_bytes");
  order.hidden = j.at("hidden");
  return order;
}

}  // namespace

std::string line_of(const Order& order) {
  json words = json::array(), environment = json::array();
  for (const std::string& word : order.words) words.push_back(reversible_utf8(word));
  for (const auto& [name, value] : order.environment) environment.push_back({reversible_utf8(name), reversible_utf8(value)});
  const json j = {{"job", order.job},
                  {"attempt", order.attempt},
                  {"slots", order.slots},
                  {"words", words},
                  {"folder", reversible_utf8(order.folder)},
                  {"scratch", reversible_utf8(order.scratch)},
                  {"log", reversible_utf8(order.log)},
                  {"environment", environment},
                  {"step", order.is_step},
                  {"timeout", order.timeout_s},
                  {"grace", order.grace_s},
                  {"memory", order.memory_bytes},
                  {"log_bytes", order.log_bytes},
                  {"hidden", order.hidden}};
  return sealed(j.dump());
}

Order order_of_line(std::string_view line) {
  const auto text = text_under_seal(line);
  if (!text) throw DataError("a damaged order: its checksum is wrong");
  return order_in(json::parse(*text));
}

std::string sealed(std::string_view text) { return fmt::format("{} {}\n", text, hex64(hash_text(text))); }

std::optional<std::string_view> text_under_seal(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.size() <= checksum_digits || line[line.size() - checksum_digits - 1] != ' ') return std::nullopt;
  const std::string_view text = line.substr(0, line.size() - checksum_digits - 1);
  if (line.substr(text.size() + 1) != hex64(hash_text(text))) return std::nullopt;
  return text;
}

}  // namespace skyfold::workflow
