// The owner's side: guests are folders in that of the session. A guest is given up when it says so, when the system says that its process
// is gone (of one on this machine), or when its heartbeat stands still by the owner's clock; its folder is then removed, by which it
// learns of it should it live.
#include "skyfold/workflow/post.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "post_files.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/run/lock.hpp"

namespace skyfold::workflow {
namespace {

namespace fs = std::filesystem;

constexpr double newcomers_s = 0.1, pulses_s = 0.5;  // between two looks at them

/// What the owner knows of a guest beside what all may see.
struct Line {
  explicit Line(const std::string& folder) : outcomes(folder + "/outcomes"), heartbeat(folder + "/heartbeat") {}
  LineReader outcomes;
  Pulse heartbeat;
  bool is_here = false;                ///< on this machine
  bool has_left = false;               ///< or cannot be written to
  std::map<std::int64_t, int> orders;  ///< jobs that it has, and their slots
};

/// Of a guest on this machine the system knows whether it lives: it has locked a file for as long as it does.
bool is_gone(const std::string& folder) {
  const int descriptor = open((folder + "/alive").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return errno == ENOENT;
  const bool is_free = flock(descriptor, LOCK_SH | LOCK_NB) == 0;
  close(descriptor);
  return is_free;
}

}  // namespace

struct PostOffice::Impl {
  std::string home, session, folder;
  std::vector<Guest> guests;
  std::map<std::string, Line> lines;
  Watch watch;
  Patience patience;
  double newcomers_at_s = 0.0, pulses_at_s = 0.0;
  bool is_closed = false;

  [[nodiscard]] std::string folder_of_guest(const std::string& name) const { return folder + "/" + name; }
  void welcome(const std::string& name);
  void look_for_newcomers();
  void read_outcomes(Guest& guest, Line& line, News& news) const;
  void take(const std::string& text, Guest& guest, Line& line, News& news) const;
  void feel_pulses();
  void drop_lost(News& news);
  void say_goodbye();
};

void PostOffice::Impl::welcome(const std::string& name) {
  const std::string place = folder_of_guest(name);
  const Hello hello = hello_in(read_small_file(place + "/hello"));
  if (hello.host.empty()) return;  // not all of it is to be seen from here yet
  Line& line = lines.emplace(name, Line(place)).first->second;
  line.is_here = hello.boot == own_hello(1).boot;
  guests.push_back({name, hello.host, hello.slots, hello.slots});
  watch.add(place + "/outcomes");
}

void PostOffice::Impl::look_for_newcomers() {
  if (now_s() < newcomers_at_s) return;
  newcomers_at_s = now_s() + newcomers_s;
  for (const std::string& name : names_in(folder))
    if (name[0] != '.' && !lines.contains(name)) welcome(name);
}

void PostOffice::Impl::take(const std::string& text, Guest& guest, Line& line, News& news) const {
  if (text_under_seal(text) == leave_text) {
    line.has_left = true;
    return;
  }
  const Record record = record_of_line(text);
  const auto* end = std::get_if<EndRecord>(&record);
  const auto order = end ? line.orders.find(end->job) : line.orders.end();
  if (order == line.orders.end()) return;
  guest.free_slots += order->second;
  line.orders.erase(order);
  news.outcomes.push_back({end->job, end->attempt, *end});
}

void PostOffice::Impl::read_outcomes(Guest& guest, Line& line, News& news) const {
  for (const std::string& text : line.outcomes.read()) take(text, guest, line, news);
  if (!line.outcomes.is_there()) line.has_left = true;
}

/// Only now and then: what a guest has said is read before it is given up.
void PostOffice::Impl::feel_pulses() {
  if (now_s() < pulses_at_s) return;
  pulses_at_s = now_s() + pulses_s;
  for (auto& [name, line] : lines) {
    const double standstill_s = line.heartbeat.standstill_s();
    if (standstill_s > lock_patience_s() || (line.is_here && is_gone(folder_of_guest(name)))) line.has_left = true;
  }
}

void PostOffice::Impl::drop_lost(News& news) {
  for (std::size_t i = guests.size(); i-- > 0;) {
    Line& line = lines.at(guests[i].name);
    if (!line.has_left) continue;
    read_outcomes(guests[i], line, news);  // what it wrote last
    const std::string place = folder_of_guest(guests[i].name);
    std::error_code ignored;  // some of it may stay on a network file system as long as somebody has it open
    fs::rename(place, folder + "/.gone-" + guests[i].name, ignored);
    fs::remove_all(folder + "/.gone-" + guests[i].name, ignored);
    news.lost.push_back(guests[i].name);
    lines.erase(guests[i].name);
    guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void PostOffice::Impl::say_goodbye() {
  is_closed = true;
  for (const Guest& guest : guests) (void)append_lines(folder_of_guest(guest.name) + "/orders", sealed(close_text));
  write_session(home, {session, true});
}

PostOffice::PostOffice(std::string home) : impl_(std::make_unique<Impl>()) {
  impl_->home = std::move(home);
  impl_->session = unique_name();
  const std::string agents = impl_->home + "/agents";
  std::error_code error;
  fs::create_directories(agents, error);
  if (error) throw IoError(fmt::format("{}: cannot be made: {}", agents, error.message()));
  for (const std::string& name : names_in(agents))  // of earlier owners: their guests see that they are gone
    if (name != "current") fs::remove_all(agents + "/" + name, error);
  impl_->folder = agents + "/" + impl_->session;
  fs::create_directories(impl_->folder, error);
  if (error) throw IoError(fmt::format("{}: cannot be made: {}", impl_->folder, error.message()));
  impl_->watch.add(impl_->folder);
  write_session(impl_->home, {impl_->session, false});
}

PostOffice::~PostOffice() {
  std::error_code ignored;
  if (!impl_->is_closed) fs::remove(impl_->home + "/agents/current", ignored);
  fs::remove_all(impl_->folder, ignored);
}

const std::vector<PostOffice::Guest>& PostOffice::guests() const noexcept { return impl_->guests; }
double PostOffice::interval_s() const noexcept { return impl_->patience.interval_s(); }
int PostOffice::descriptor() const noexcept { return impl_->watch.descriptor(); }

void PostOffice::send(const std::string& agent, const Order& order) {
  const auto guest = std::find_if(impl_->guests.begin(), impl_->guests.end(), [&agent](const Guest& g) { return g.name == agent; });
  if (guest == impl_->guests.end()) throw Error(ExitCode::bug, fmt::format("job {} is sent to {}, which is not here", order.job, agent));
  Line& line = impl_->lines.at(agent);
  const int slots = order.slots == 0 ? guest->slots : std::clamp(order.slots, 1, guest->slots);
  guest->free_slots -= slots;
  line.orders[order.job] = slots;
  if (!append_lines(impl_->folder_of_guest(agent) + "/orders", line_of(order))) line.has_left = true;  // the next look tells
}

PostOffice::News PostOffice::look() {
  News news;
  impl_->watch.empty();
  if (impl_->is_closed) return news;
  const std::size_t guests_before = impl_->guests.size();
  impl_->look_for_newcomers();
  const bool somebody_came = impl_->guests.size() != guests_before;
  for (Guest& guest : impl_->guests) impl_->read_outcomes(guest, impl_->lines.at(guest.name), news);
  impl_->feel_pulses();
  impl_->drop_lost(news);
  impl_->patience.see(somebody_came || !news.outcomes.empty() || !news.lost.empty());
  return news;
}

void PostOffice::close() {
  if (!impl_->is_closed) impl_->say_goodbye();
}

}  // namespace skyfold::workflow
