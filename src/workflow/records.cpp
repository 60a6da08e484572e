// Records of a pipeline as lines of its journal, written by one process and read by any.
#include "skyfold/workflow/records.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "skyfold/core/error.hpp"
#include "skyfold/core/escape.hpp"
#include "skyfold/core/hash.hpp"

namespace skyfold::workflow {
namespace {

using nlohmann::json;

constexpr std::size_t checksum_digits = 16;

json json_of(const Keys& keys) {
  json list = json::array();
  for (const auto& [name, value] : keys) list.push_back({reversible_utf8(name), reversible_utf8(value)});
  return list;
}

std::string text_of(const json& value) { return bytes_of_reversible(value.get_ref<const std::string&>()); }

Keys keys_of(const json& list) {
  Keys keys;
  for (const json& pair : list) keys.emplace_back(text_of(pair.at(0)), text_of(pair.at(1)));
  return keys;
}

json json_of(const SessionRecord& r) {
  return {{"r", "session"},
          {"time", r.time_s},
          {"host", reversible_utf8(r.host)},
          {"version", reversible_utf8(r.version)},
          {"user", reversible_utf8(r.user)},
          {"pid", r.pid},
          {"slots", r.slots}};
}
SessionRecord session_of(const json& j) {
  return {j.at("time"), text_of(j.at("host")), text_of(j.at("version")), text_of(j.at("user")), j.at("pid"), j.at("slots")};
}

json json_of(const EventRecord& r) {
  return {{"r", "event"}, {"id", r.id}, {"parent", r.parent}, {"class", reversible_utf8(r.event_class)}, {"keys", json_of(r.keys)}};
}
EventRecord event_of(const json& j) { return {j.at("id"), j.at("parent"), text_of(j.at("class")), keys_of(j.at("keys"))}; }

json json_of(const JobRecord& r) {
  return {{"r", "job"},
          {"id", r.id},
          {"node", reversible_utf8(r.node)},
          {"events", r.events},
          {"keys", json_of(r.keys)},
          {"set", reversible_utf8(r.set)}};
}
JobRecord job_of(const json& j) { return {j.at("id"), text_of(j.at("node")), j.at("events"), keys_of(j.at("keys")), text_of(j.at("set"))}; }

json json_of(const StartRecord& r) {
  return {{"r", "start"},
          {"job", r.job},
          {"attempt", r.attempt},
          {"time", r.time_s},
          {"agent", reversible_utf8(r.agent)},
          {"host", reversible_utf8(r.host)}};
}
StartRecord start_of(const json& j) { return {j.at("job"), j.at("attempt"), j.at("time"), text_of(j.at("agent")), text_of(j.at("host"))}; }

json json_of(const EndRecord& r) {
  json j = {{"r", "end"},       {"job", r.job},     {"attempt", r.attempt}, {"how", r.how},
            {"time", r.time_s}, {"wall", r.wall_s}, {"cpu", r.cpu_s},       {"memory", r.memory_bytes}};
  if (r.exit_code != 0) j["exit"] = r.exit_code;
  if (r.signal != 0) j["signal"] = r.signal;
  if (r.timed_out) j["timed_out"] = true;
  if (r.again) j["again"] = true;
  if (!r.message.empty()) j["message"] = reversible_utf8(r.message);
  if (!r.fingerprint.empty()) j["fingerprint"] = reversible_utf8(r.fingerprint);
  if (!r.folder.empty()) j["folder"] = reversible_utf8(r.folder);
  for (const OutputFile& output : r.outputs) j["outputs"].push_back({reversible_utf8(output.path), output.hash, output.bytes});
  for (const EventRecord& event : r.events) j["events"].push_back(json_of(event));
  return j;
}
EndRecord end_of(const json& j) {
  EndRecord r;
  r.job = j.at("job");
  r.attempt = j.at("attempt");
  r.how = j.at("how");
  r.exit_code = j.value("exit", 0);
  r.signal = j.value("signal", 0);
  r.timed_out = j.value("timed_out", false);
  r.again = j.value("again", false);
  r.time_s = j.at("time");
  r.wall_s = j.at("wall");
  r.cpu_s = j.at("cpu");
  r.memory_bytes = j.at("memory");
  if (j.contains("message")) r.message = text_of(j["message"]);
  if (j.contains("fingerprint")) r.fingerprint = text_of(j["fingerprint"]);
  if (j.contains("folder")) r.folder = text_of(j["folder"]);
  if (j.contains("outputs"))
    for (const json& output : j["outputs"]) r.outputs.push_back({text_of(output.at(0)), output.at(1), output.at(2)});
  if (j.contains("events"))
    for (const json& event : j["events"]) r.events.push_back(event_of(event));
  return r;
}

json json_of(const InvalidRecord& r) {
  json j = {{"r", "invalid"}, {"jobs", r.jobs}, {"events", r.events}, {"why", reversible_utf8(r.why)}};
  for (const JobRecord& job : r.again) j["again"].push_back(json_of(job));
  return j;
}
InvalidRecord invalid_of(const json& j) {
  InvalidRecord r{j.at("jobs"), j.at("events"), text_of(j.at("why"))};
  if (j.contains("again"))
    for (const json& job : j["again"]) r.again.push_back(job_of(job));
  return r;
}

json json_of(const CloseRecord& r) { return {{"r", "close"}, {"time", r.time_s}, {"exit", r.exit_code}}; }
CloseRecord close_of(const json& j) { return {j.at("time"), j.at("exit")}; }

Record record_of(const json& j) {
  const std::string& kind = j.at("r").get_ref<const std::string&>();
  if (kind == "session") return session_of(j);
  if (kind == "event") return event_of(j);
  if (kind == "job") return job_of(j);
  if (kind == "start") return start_of(j);
  if (kind == "end") return end_of(j);
  if (kind == "invalid") return invalid_of(j);
  if (kind == "close") return close_of(j);
  throw DataError(fmt::format("a record '{}' that this version does not know", one_line(kind)));
}

/// Whether a line, without its line break, is whole: JSON, a blank, and the checksum of the JSON.
bool is_whole(std::string_view line) {
  if (line.size() <= checksum_digits || line[line.size() - checksum_digits - 1] != ' ') return false;
  return line.substr(line.size() - checksum_digits) == hex64(hash_text(line.substr(0, line.size() - checksum_digits - 1)));
}

Record record_in(std::string_view line) { return record_of(json::parse(line.substr(0, line.size() - checksum_digits - 1))); }

/// Offset behind the last whole line of a file.
off_t end_of_whole_lines(int descriptor, const std::string& path) {
  const off_t size = lseek(descriptor, 0, SEEK_END);
  std::array<char, 4096> block;
  for (off_t end = size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    if (pread(descriptor, block.data(), static_cast<std::size_t>(end - begin), begin) != end - begin)
      throw IoError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    for (off_t i = end; i > begin; --i)
      if (block[static_cast<std::size_t>(i - 1 - begin)] == '\n') return i;
    end = begin;
  }
  return 0;
}

}  // namespace

std::string line_of(const Record& record) {
  const std::string text = std::visit([](const auto& r) { return json_of(r); }, record).dump();
  return text + " " + hex64(hash_text(text)) + "\n";
}

Record record_of_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (!is_whole(line)) throw DataError("a damaged record: its checksum is wrong");
  return record_in(line);
}

JournalWriter::JournalWriter(const std::string& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0) throw IoError(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  const off_t end = end_of_whole_lines(descriptor_, path);
  if (ftruncate(descriptor_, end) != 0 || lseek(descriptor_, end, SEEK_SET) != end)
    throw IoError(fmt::format("{}: cannot be taken up: {}", path, std::strerror(errno)));
}

JournalWriter::~JournalWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

void JournalWriter::add(const Record& record) { waiting_ += line_of(record); }

void JournalWriter::flush() {
  const off_t before = lseek(descriptor_, 0, SEEK_CUR);
  for (std::size_t written = 0; written < waiting_.size();) {
    const ssize_t done = write(descriptor_, waiting_.data() + written, waiting_.size() - written);
    if (done > 0) {
      written += static_cast<std::size_t>(done);
      continue;
    }
    if (done < 0 && errno == EINTR) continue;
    const std::string why = std::strerror(errno);
    // Half a record must not stand before those of the next attempt.
    if (ftruncate(descriptor_, before) == 0) lseek(descriptor_, before, SEEK_SET);
    throw IoError(fmt::format("{}: cannot be written: {}", path_, why));
  }
  waiting_.clear();
}

void JournalWriter::sync() {
  flush();
  if (fdatasync(descriptor_) != 0) throw IoError(fmt::format("{}: cannot be written to the disk: {}", path_, std::strerror(errno)));
}

void JournalReader::read(const std::function<void(const Record&)>& take) {
  const int descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw IoError(fmt::format("{}: cannot be opened: {}", path_, std::strerror(errno)));
  const std::unique_ptr<const int, void (*)(const int*)> closed(&descriptor, [](const int* open_one) { close(*open_one); });
  std::vector<char> block(1 << 20);
  for (ssize_t got = 0; (got = pread(descriptor, block.data(), block.size(), offset_)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    // Not the end of the journal: who took it for that would do again what is done.
    if (got < 0) throw IoError(fmt::format("{}: cannot be read: {}", path_, std::strerror(errno)));
    rest_.append(block.data(), static_cast<std::size_t>(got));
    offset_ += got;
    take_lines(take);
  }
}

void JournalReader::take_lines(const std::function<void(const Record&)>& take) {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string_view line = std::string_view(rest_).substr(begin, end - begin);
    ++line_;
    if (!is_whole(line)) throw DataError(fmt::format("{}:{}: damaged: its checksum is wrong", path_, line_));
    take(record_in(line));
  }
  rest_.erase(0, begin);
}

}  // namespace skyfold::workflow
