// The command `pipeline emit`: a task of a pipeline gives out an event, from any language that can start a program.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/workflow/agent.hpp"

namespace skyfold {
namespace {

class PipelineEmitCommand final : public Command {
 public:
  void describe(OptionSet& option) override { option("event", event_, "class of the event, then key=value ...").positional().call_only(); }

  /// All words but options are the event: values may hold anything.
  std::vector<std::string> own_words(std::vector<std::string> words) override {
    std::vector<std::string> options;
    for (std::string& word : words) (word.starts_with("--") ? options : words_).push_back(std::move(word));
    return options;
  }

  ExitCode run(const CommandContext&) override {
    const char* path = std::getenv("SKYFOLD_EVENTS");
    if (!path || !*path) throw UsageError("SKYFOLD_EVENTS is not set: only a program that a pipeline has started can emit events");
    if (words_.empty()) throw UsageError("no class of event (skyfold pipeline emit reduced brick=3)");
    append(path, line());
    return ExitCode::done;
  }

 private:
  [[nodiscard]] std::string line() const {
    workflow::Keys keys;
    for (std::size_t i = 1; i < words_.size(); ++i) {
      const std::size_t equals = words_[i].find('=');
      if (equals == std::string::npos) throw UsageError(fmt::format("'{}' is not key=value", words_[i]));
      keys.emplace_back(words_[i].substr(0, equals), words_[i].substr(equals + 1));
    }
    std::string text = workflow::event_line(words_[0], keys);
    if (!text.ends_with('\n')) text += '\n';
    (void)workflow::parse_events(text);  // what the pipeline would refuse is refused here, where it can be seen
    return text;
  }

  /// In one write: programs that run beside one another may share the file.
  static void append(const char* path, const std::string& text) {
    const int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const ssize_t written = descriptor < 0 ? -1 : write(descriptor, text.data(), text.size());
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    if (written != static_cast<ssize_t>(text.size())) throw IoError(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
  }

  std::string event_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_emit_command() { return std::make_unique<PipelineEmitCommand>(); }

}  // namespace skyfold
