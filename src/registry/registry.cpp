// The registry of a project: processes, products, inputs and comments in an SQLite database, each process in one transaction.
// Several commands may use it at a time.
#include "skyfold/registry/registry.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/core/system.hpp"
#include "skyfold/core/text.hpp"
#include "sqlite.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "skyfold.db";
constexpr int format = 1;

constexpr const char* tables = R"(
CREATE TABLE IF NOT EXISTS process (
  id INTEGER PRIMARY KEY, command TEXT NOT NULL, version TEXT, build TEXT, configuration TEXT, folder TEXT, host TEXT,
  user TEXT, log TEXT, pid INTEGER, ranks INTEGER, threads INTEGER, seed INTEGER, start REAL, end REAL, state TEXT,
  exit_code INTEGER, message TEXT);
CREATE TABLE IF NOT EXISTS fact (process INTEGER NOT NULL REFERENCES process, name TEXT, value TEXT);
CREATE TABLE IF NOT EXISTS product (
  id INTEGER PRIMARY KEY, process INTEGER NOT NULL REFERENCES process, class TEXT, path TEXT NOT NULL, rows INTEGER,
  bytes INTEGER, file_hash TEXT, content_hash TEXT, made REAL, saved INTEGER DEFAULT 0, current INTEGER DEFAULT 1);
CREATE INDEX IF NOT EXISTS product_path ON product (path);
CREATE TABLE IF NOT EXISTS input (
  process INTEGER NOT NULL REFERENCES process, path TEXT, class TEXT, file_hash TEXT, content_hash TEXT, product INTEGER);
CREATE TABLE IF NOT EXISTS comment (product INTEGER NOT NULL REFERENCES product, time REAL, user TEXT, text TEXT);
)";

// Named, not "*": a later format may add columns, and process_from counts them.
constexpr const char* process_columns =
    "id, command, version, build, configuration, folder, host, user, log, pid, ranks, threads, seed, start, end, state, exit_code, message";
constexpr const char* product_columns = "id, process, class, path, rows, bytes, file_hash, content_hash, made, saved, current";

/// Write-ahead logs need memory shared between the processes of one host, which network file systems do not give.
bool is_on_network(const std::string& folder) {
  struct statfs info = {};
  if (statfs(folder.c_str(), &info) != 0) return true;
  // NFS, SMB, CIFS, SMB2, Lustre, GPFS, BeeGFS, Ceph, AFS, 9P, FUSE (sshfs, ...), PanFS, OrangeFS
  constexpr std::array<std::uint32_t, 13> network = {0x6969,     0x517B,     0xFF534D42, 0xFE534D42, 0x0BD00BD0, 0x47504653, 0x19830326,
                                                     0x00C36400, 0x5346414F, 0x01021997, 0x65735546, 0xAAD7AAEA, 0x20030528};
  return std::find(network.begin(), network.end(), static_cast<std::uint32_t>(info.f_type)) != network.end();
}

ProcessRecord process_from(const Statement& row) {
  ProcessRecord p;
  // In the order of process_columns.
  p.id = row.integer(0);
  std::string* const texts[] = {&p.command, &p.version, &p.build, &p.configuration, &p.folder, &p.host, &p.user, &p.log};
  for (int i = 0; i < 8; ++i) *texts[i] = row.text(1 + i);
  p.pid = static_cast<int>(row.integer(9));
  p.ranks = static_cast<int>(row.integer(10));
  p.threads = static_cast<int>(row.integer(11));
  p.seed = row.integer(12);
  p.start_s = row.number(13);
  p.end_s = row.number(14);
  p.state = row.text(15);
  p.exit_code = static_cast<int>(row.integer(16));
  p.message = row.text(17);
  // Nobody could record its end: it is seen by the process that is not there any more.
  // Only on its own host: nothing is known here of processes of another.
  if (p.state == "running" && p.host == host_name() && kill(p.pid, 0) != 0 && errno == ESRCH) p.state = "lost";
  return p;
}

ProductRecord product_from(const Statement& row) {
  return {row.integer(0), row.integer(1), row.text(2),   row.text(3),         row.integer(4),      row.integer(5),
          row.text(6),    row.text(7),    row.number(8), row.integer(9) != 0, row.integer(10) != 0};
}

}  // namespace

struct Registry::Impl {
  std::string folder;
  Database database;
};

Registry::Registry(const std::string& folder, bool must_exist) {
  const std::string path = (fs::path(folder) / file_name).string();
  // SQLite would make an empty registry where the user has mistyped a folder.
  if (must_exist && !fs::exists(path))
    throw IoError(fmt::format("{}: no registry (it is made by the first command that makes a product there)", path));
  const bool may_write =
      access((folder.empty() ? "." : folder.c_str()), W_OK) == 0 && (!fs::exists(path) || access(path.c_str(), W_OK) == 0);
  // Who may only read still sees what there is.
  impl_ = std::make_unique<Impl>(Impl{folder, Database(path, must_exist && !may_write)});
  Database& database = impl_->database;
  Statement version(database, "PRAGMA user_version");
  version.next();
  // 0 is what SQLite gives a new file, so it also means that the tables are to be made.
  const std::int64_t found = version.integer(0);
  version.run();
  if (found == format) return;
  if (found != 0) throw IoError(fmt::format("{}: registry of format {} (this program has {})", path, found, format));
  // Outside of the transaction, where SQLite allows it, and before the tables: two first users may meet here.
  database.set_journal_mode(is_on_network(folder.empty() ? "." : folder) ? "DELETE" : "WAL");
  Transaction transaction(database);
  database.execute(tables);
  database.execute(fmt::format("PRAGMA user_version = {}", format));
  transaction.commit();
}

Registry::~Registry() = default;
Registry::Registry(Registry&&) noexcept = default;
Registry& Registry::operator=(Registry&&) noexcept = default;

const std::string& Registry::folder() const noexcept { return impl_->folder; }

std::int64_t Registry::begin(const ProcessRecord& p) {
  // Read and write in one transaction: of two processes that begin at once, each sees the other.
  Transaction transaction(impl_->database);
  // A process that died could not say so: the next one that begins on its host writes it down.
  for (const ProcessRecord& other : processes())
    if (other.state == "lost") Statement(impl_->database, "UPDATE process SET state = 'lost' WHERE id = ?").bind(other.id).run();
  Statement(impl_->database,
            "INSERT INTO process (command, version, build, configuration, folder, host, user, log, pid, ranks, threads, seed, start, "
            "end, state, exit_code, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 'running', 0, '')")
      .bind(p.command)
      .bind(p.version)
      .bind(p.build)
      .bind(p.configuration)
      .bind(p.folder)
      .bind(p.host)
      .bind(p.user)
      .bind(p.log)
      .bind(std::int64_t{p.pid})
      .bind(std::int64_t{p.ranks})
      .bind(std::int64_t{p.threads})
      .bind(p.seed)
      .bind(p.start_s)
      .run();
  const std::int64_t id = impl_->database.last_id();
  transaction.commit();
  return id;
}

void Registry::end(const ProcessRecord& p, const std::vector<InputRecord>& inputs, const std::vector<ProductRecord>& products) {
  Database& database = impl_->database;
  Transaction transaction(database);
  Statement(database, "UPDATE process SET configuration = ?, end = ?, state = ?, exit_code = ?, message = ?, log = ? WHERE id = ?")
      .bind(p.configuration)
      .bind(p.end_s)
      .bind(p.state)
      .bind(std::int64_t{p.exit_code})
      .bind(p.message)
      .bind(p.log)
      .bind(p.id)
      .run();
  for (const auto& [name, value] : p.facts)
    Statement(database, "INSERT INTO fact VALUES (?, ?, ?)").bind(p.id).bind(name).bind(value).run();
  for (const InputRecord& input : inputs) {
    // Another file may have taken the product's place, with a fingerprint that it only claims: the hash of all bytes decides, where both
    // have one.
    Statement known(database,
                    "SELECT id FROM product WHERE path = ?1 AND current = 1 AND CASE WHEN ?2 <> '' AND file_hash <> '' THEN file_hash = ?2 "
                    "ELSE ?3 <> '' AND content_hash = ?3 END ORDER BY id DESC LIMIT 1");
    known.bind(input.path).bind(input.file_hash).bind(input.content_hash);
    const std::int64_t product = known.next() ? known.integer(0) : 0;
    Statement(database, "INSERT INTO input VALUES (?, ?, ?, ?, ?, ?)")
        .bind(p.id)
        .bind(input.path)
        .bind(input.product_class)
        .bind(input.file_hash)
        .bind(input.content_hash)
        .bind(product)
        .run();
  }
  // The file has replaced the one that was there: its record stays for what was made from it.
  for (const ProductRecord& product : products) {
    Statement(database, "UPDATE product SET current = 0 WHERE path = ?").bind(product.path).run();
    Statement(database,
              "INSERT INTO product (process, class, path, rows, bytes, file_hash, content_hash, made) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(p.id)
        .bind(product.product_class)
        .bind(product.path)
        .bind(product.rows)
        .bind(product.bytes)
        .bind(product.file_hash)
        .bind(product.content_hash)
        .bind(product.made_s)
        .run();
  }
  transaction.commit();
}

// In the order in which they were made: a product comes after what it was made from.
std::vector<ProductRecord> Registry::products() {
  std::vector<ProductRecord> all;
  Statement rows(impl_->database, fmt::format("SELECT {} FROM product ORDER BY id", product_columns));
  while (rows.next()) all.push_back(product_from(rows));
  return all;
}

ProductRecord Registry::product(const std::string& path_or_id) {
  // A number alone could be the name of a file.
  if (const auto id = path_or_id.starts_with('#') ? parse_integer(path_or_id.substr(1)) : std::nullopt) return product(std::int64_t{*id});
  Statement row(impl_->database, fmt::format("SELECT {} FROM product WHERE path = ? ORDER BY id DESC LIMIT 1", product_columns));
  // Paths are recorded without links and dots, so that one file has one name.
  if (row.bind(fs::weakly_canonical(fs::absolute(path_or_id)).string()).next()) return product_from(row);
  throw UsageError(fmt::format("{}: not in the registry of {} (skyfold products list shows what is)", path_or_id, impl_->folder));
}

ProductRecord Registry::product(std::int64_t id) {
  Statement row(impl_->database, fmt::format("SELECT {} FROM product WHERE id = ?", product_columns));
  if (row.bind(id).next()) return product_from(row);
  throw UsageError(fmt::format("#{}: not in the registry of {} (skyfold products list shows what is)", id, impl_->folder));
}

ProcessRecord Registry::process(std::int64_t id) {
  Statement row(impl_->database, fmt::format("SELECT {} FROM process WHERE id = ?", process_columns));
  if (!row.bind(id).next()) throw IoError(fmt::format("{}: no process {} in the registry (damaged)", impl_->folder, id));
  ProcessRecord process = process_from(row);
  Statement facts(impl_->database, "SELECT name, value FROM fact WHERE process = ? ORDER BY rowid");
  facts.bind(id);
  while (facts.next()) process.facts.emplace_back(facts.text(0), facts.text(1));
  return process;
}

std::vector<ProcessRecord> Registry::processes() {
  std::vector<ProcessRecord> all;
  Statement rows(impl_->database, fmt::format("SELECT {} FROM process ORDER BY id", process_columns));
  while (rows.next()) all.push_back(process_from(rows));
  return all;
}

std::vector<InputRecord> Registry::inputs(std::int64_t process) {
  std::vector<InputRecord> all;
  Statement rows(impl_->database, "SELECT path, class, file_hash, content_hash, product FROM input WHERE process = ? ORDER BY rowid");
  rows.bind(process);
  while (rows.next()) all.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.integer(4)});
  return all;
}

std::vector<ProductRecord> Registry::products_of(std::int64_t process) {
  std::vector<ProductRecord> all;
  Statement rows(impl_->database, fmt::format("SELECT {} FROM product WHERE process = ? ORDER BY id", product_columns));
  rows.bind(process);
  while (rows.next()) all.push_back(product_from(rows));
  return all;
}

std::vector<CommentRecord> Registry::comments(std::int64_t product) {
  std::vector<CommentRecord> all;
  Statement rows(impl_->database, "SELECT time, user, text FROM comment WHERE product = ? ORDER BY rowid");
  rows.bind(product);
  while (rows.next()) all.push_back({rows.number(0), rows.text(1), rows.text(2)});
  return all;
}

void Registry::set_hashes(std::int64_t product, const std::pair<std::string, std::string>& hashes) {
  Statement(impl_->database, "UPDATE product SET file_hash = ?, content_hash = ? WHERE id = ?")
      .bind(hashes.first)
      .bind(hashes.second)
      .bind(product)
      .run();
}

void Registry::set_saved(std::int64_t product, bool saved) {
  Statement(impl_->database, "UPDATE product SET saved = ? WHERE id = ?").bind(std::int64_t{saved}).bind(product).run();
}

void Registry::set_dropped(std::int64_t product) {
  Statement(impl_->database, "UPDATE product SET current = 0 WHERE id = ?").bind(product).run();
}

void Registry::comment(std::int64_t product, const CommentRecord& comment) {
  Statement(impl_->database, "INSERT INTO comment VALUES (?, ?, ?, ?)")
      .bind(product)
      .bind(comment.time_s)
      .bind(comment.user)
      .bind(comment.text)
      .run();
}

void require_own_registry(const std::string& folder) {
  const std::string path = (fs::path(folder) / file_name).string();
  const auto refuse = [&](const std::string& why) {
    throw IoError(fmt::format("{}: {} (it is used only when it is named: --project {})", path, why, folder));
  };
  struct stat status = {};
  // A registry that anybody can change would tell lies about products, and could name files to be dropped.
  if (stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0) refuse("a registry in a folder that everyone may write");
  for (auto* look : {&lstat, &stat}) {  // a link, and what it leads to
    if (look(path.c_str(), &status) != 0) continue;
    if (status.st_uid != geteuid() && status.st_uid != 0) refuse(fmt::format("a registry of another user (number {})", status.st_uid));
    if (!S_ISLNK(status.st_mode) && (status.st_mode & S_IWOTH) != 0) refuse("a registry that everyone may write");
  }
}

std::string project_of(const std::string& path) {
  for (fs::path folder = fs::weakly_canonical(fs::absolute(path)).parent_path();; folder = folder.parent_path()) {
    // Folders above that this user may not enter have no registry for this user.
    std::error_code error;
    if (fs::exists(folder / file_name, error)) return folder.string();
    if (folder == folder.parent_path()) return "";
  }
}

}  // namespace skyfold
