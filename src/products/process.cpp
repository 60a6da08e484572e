#include "skyfold/products/process.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "skyfold/core/text.hpp"
#include "skyfold/io/hdf5.hpp"

namespace skyfold {

struct Process::Impl {
  std::string command;
};

Process::Process() = default;
Process::Process(std::string command, const OptionSet&) : impl_(std::make_unique<Impl>()) { impl_->command = std::move(command); }
Process::~Process() = default;

void Process::input(const std::string&) {}
void Process::product(const std::string&, const std::string&, std::int64_t) {}
void Process::fact(const std::string&, const std::string&) {}
void Process::add(const std::string&, LogTable) {}
void Process::add(const std::string&, Plot) {}
void Process::add(const std::string&, const std::string&) {}
void Process::end(ExitCode, const std::string&) {}

std::string class_of(const std::string& path) {
  constexpr char hdf5_magic[] = "\x89HDF\r\n\x1a\n";
  char start[8] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof start);
  if (!std::equal(start, start + 8, hdf5_magic)) return "";
  const Attributes attributes = read_attributes(path);
  const auto found = attributes.find("product_class");
  return found == attributes.end() ? "" : found->second;
}

void require_class(const std::string& path, const std::vector<std::string>& classes, const std::string& option) {
  const std::string is = class_of(path);
  if (std::find(classes.begin(), classes.end(), is) != classes.end()) return;
  std::vector<std::string> names;
  for (const std::string& name : classes) names.push_back(name.empty() ? "a plain table" : name);
  throw DataError(fmt::format("{}: {}, but --{} takes {}", path, is.empty() ? std::string("not a product of skyfold") : "a product of class " + is, option,
                              join(names, " or ")));
}

}  // namespace skyfold
