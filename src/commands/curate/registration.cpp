// Registration of nights: ids in the order of names, from the largest in the database. What is in a file is read here, once: its hash, its
// checksums, the rows of its tables, so that all ids are known before anything is extracted.
#include "registration.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "skyfold/core/error.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/io/fits_hdus.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// What is read of a file.
struct Looked {
  std::string hash, damage, key;
  std::int64_t bytes = 0, detections = 0;
};

std::string text_of(const Looked& looked) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", looked.hash, looked.bytes, looked.detections, looked.key, looked.damage);
}

Looked looked_from(const std::string& text) {
  std::vector<std::string> lines = split(text, '\n');
  lines.resize(5);
  return {lines[0], lines[4], lines[3], parse_integer(lines[1]).value_or(0), parse_integer(lines[2]).value_or(0)};
}

/// What the structure of a file lacks.
std::string lack_of(const std::vector<FitsHdu>& hdus, NightFile::Kind kind, std::int64_t extensions, std::int64_t& detections) {
  const bool is_table = kind == NightFile::Kind::table;
  const auto right =
      std::count_if(hdus.begin(), hdus.end(), [&](const FitsHdu& hdu) { return is_table ? hdu.is_table() : hdu.is_image(); });
  const char* what = is_table ? "tables" : "images";
  if (right == 0) return fmt::format("has no {}", what);
  if (extensions > 0 && right != extensions)
    return fmt::format("has {} {} (the schema says {}: an extension is missing?)", right, what, extensions);
  if (!is_table) return "";
  for (const FitsHdu& hdu : hdus)
    if (hdu.is_table()) {
      const FitsCard* rows = hdu.find("NAXIS2");
      detections += rows ? parse_integer(rows->value).value_or(0) : 0;
    }
  return detections == 0 ? "all its tables are empty (NAXIS2 = 0)" : "";
}

Looked look_at(const std::string& path, NightFile::Kind kind, const std::string& chunk_by, std::int64_t extensions) {
  Looked looked;
  std::error_code error;
  looked.bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  FitsFileCheck check = check_fits_file(path);
  looked.hash = check.hash;
  looked.damage = check.damage;
  if (!looked.damage.empty()) return looked;
  const std::vector<FitsHdu> hdus = read_fits_hdus(path);
  looked.damage = lack_of(hdus, kind, extensions, looked.detections);
  if (!looked.damage.empty()) looked.detections = 0;
  const FitsCard* key = chunk_by == "night" ? nullptr : hdus[0].find(chunk_by);
  if (key) looked.key = key->value;
  return looked;
}

/// Registers one night after the other in the database of an archive.
class Registration {
 public:
  Registration(Archive& archive, std::string chunk_by) : archive_(archive), chunk_by_(std::move(chunk_by)) {
    const std::vector<SqlRow> largest =
        archive_.sql().run("SELECT max(multiframe_id), max(first_detection + detections), (SELECT max(chunk_id) FROM chunk) FROM file");
    next_id_ = sql_integer(largest[0][0]) + 1;
    next_detection_ = std::max<std::int64_t>(1, sql_integer(largest[0][1]));
    next_chunk_ = sql_integer(largest[0][2]) + 1;
    for (ArchivedFile& file : archive_.files()) {
      names_of_hash_.emplace(file.hash, file.night + "/" + file.name);
      if (file.kind == "image") names_of_image_.emplace(file.night + "/" + night_file(file.name).stem, file.name);
      known_.emplace(file.night + "/" + file.name, std::move(file));
    }
  }

  [[nodiscard]] bool knows(const Night& night, const NightFile& file) const { return known_.contains(night.name + "/" + file.name); }

  /// What can be told of known files without reading them.
  void check_known(const Night& night, Registered& result) const {
    const std::string folder = archive_.night_folder(night.name);
    if (!folder.empty() && folder != night.folder)
      result.problems.push_back(fmt::format("{}: the night is registered in {} (a night is in one folder; another version has another _vN)",
                                            night.folder, folder));
    for (const NightFile& file : night.files) {
      const auto known = known_.find(night.name + "/" + file.name);
      if (known == known_.end()) continue;
      ++result.known;
      std::error_code error;
      const auto bytes = static_cast<std::int64_t>(fs::file_size(fs::path(night.folder) / file.name, error));
      if (!error && bytes != known->second.bytes)
        result.problems.push_back(fmt::format("{}/{}: has {} bytes, {} when it was registered (what is archived does not change)",
                                              night.name, file.name, bytes, known->second.bytes));
    }
  }

  /// @param looked  of the files that are new, in order
  void add(const Night& night, const std::vector<const NightFile*>& files, const std::vector<Looked>& looked, Registered& result) {
    std::vector<ArchivedFile> rows;
    std::map<std::string, std::int64_t> chunk_ids;
    // Numbered by their keys in order, as chunks are the same whatever the first file of each is.
    for (const Looked& one : looked) chunk_ids.emplace(one.key, 0);
    for (auto& [key, chunk_id] : chunk_ids) chunk_id = next_chunk_++;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string name = night.name + "/" + files[i]->name;
      const auto [same, is_new] = names_of_hash_.emplace(looked[i].hash, name);
      if (!is_new) {
        result.problems.push_back(
            fmt::format("{}: has the same content as {}, which is registered (it is not registered again)", name, same->second));
        continue;
      }
      Looked one = looked[i];
      if (files[i]->kind == NightFile::Kind::image) {
        const auto [other, is_first] = names_of_image_.emplace(night.name + "/" + files[i]->stem, files[i]->name);
        if (!is_first && one.damage.empty())
          one.damage = fmt::format("is a second image beside {} (which one its detections belong to is not known)", other->second);
      }
      rows.push_back(row(night, *files[i], one, chunk_ids.at(one.key)));
      if (!one.damage.empty()) result.problems.push_back(fmt::format("{}: {}", name, one.damage));
    }
    link_images(night, rows);
    write(night, rows, chunk_ids);
    result.files += std::ssize(rows);
    for (ArchivedFile& file : rows) known_.emplace(file.night + "/" + file.name, std::move(file));
  }

 private:
  ArchivedFile row(const Night& night, const NightFile& file, const Looked& looked, std::int64_t chunk_id) {
    const bool is_table = file.kind == NightFile::Kind::table, is_damaged = !looked.damage.empty();
    const char* first = is_damaged ? file_state::failed : file_state::waiting;
    ArchivedFile row{next_id_++,
                     chunk_id,
                     night.name,
                     file.name,
                     is_table ? "table" : "image",
                     0,
                     looked.bytes,
                     looked.hash,
                     looked.damage,
                     looked.detections,
                     next_detection_,
                     is_table ? file_state::none : first,
                     first,
                     is_table ? first : file_state::none,
                     looked.damage};
    next_detection_ += looked.detections;
    return row;
  }

  /// Of each table the image with the same stem, in this night.
  void link_images(const Night& night, std::vector<ArchivedFile>& rows) const {
    std::map<std::string, std::int64_t> images;
    const auto add_image = [&](const ArchivedFile& file) {
      if (file.night == night.name && file.kind == "image") images.emplace(night_file(file.name).stem, file.multiframe_id);
    };
    for (const auto& [name, file] : known_) add_image(file);
    for (const ArchivedFile& file : rows) add_image(file);
    for (ArchivedFile& file : rows)
      if (const auto image = images.find(night_file(file.name).stem); file.kind == "table" && image != images.end())
        file.image_id = image->second;
  }

  void write(const Night& night, const std::vector<ArchivedFile>& files, const std::map<std::string, std::int64_t>& chunk_ids) {
    if (files.empty()) return;
    SqlConnection& sql = archive_.sql();
    SqlTransaction transaction(sql);
    if (archive_.night_folder(night.name).empty()) sql.run("INSERT INTO night (night, folder) VALUES ($1, $2)", {night.name, night.folder});
    const std::int64_t before = sql_integer(sql.run("SELECT count(*) FROM chunk WHERE night = $1", {night.name})[0][0]);
    std::vector<SqlRow> chunks, rows;
    for (const auto& [key, chunk_id] : chunk_ids) {
      // What comes to a night later is a chunk of its own: a chunk never changes.
      const std::string name =
          fmt::format("{}{}{}", night.name, key.empty() ? "" : "." + plain(key), before > 0 ? fmt::format(".{}", chunk_id) : "");
      chunks.push_back({chunk_id, name, night.name, file_state::waiting, file_state::waiting, file_state::waiting});
    }
    for (const ArchivedFile& file : files) rows.push_back(row_of(file));
    sql.insert("chunk", {"chunk_id", "name", "night", "cu2", "cu3", "cu4"}, chunks);
    sql.insert("file", file_columns(), rows);
    transaction.commit();
    fault_point("registered " + night.name);
  }

  /// A value of a header as a part of a file's name.
  static std::string plain(std::string text) {
    for (char& c : text)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
    return text;
  }

  Archive& archive_;
  std::string chunk_by_;
  std::int64_t next_id_ = 1, next_detection_ = 1, next_chunk_ = 1;
  std::map<std::string, std::string> names_of_hash_, names_of_image_;  ///< the latter by night and stem
  std::map<std::string, ArchivedFile> known_;
};

std::vector<std::string> looks(const Ranks* ranks, std::size_t count, const std::function<std::string(std::size_t)>& unit) {
  if (ranks) return ranks->run_units(count, unit);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(unit(i));
  return texts;
}

}  // namespace

void describe(OptionSet& option, RegisterOptions& o) {
  option("tree", o.tree, "folder of nights, or one of them").required().positional();
  option("chunk-by", o.chunk_by,
         "what is processed together: night, or a keyword of primary headers, of which each value in a night is a chunk");
}

void check_tree(const RegisterOptions& o) { (void)nights_of(o.tree); }

Registered register_tree(const RegisterOptions& o, Archive* archive, const Ranks* ranks) {
  Registered result;
  std::optional<Registration> registration;
  std::int64_t extensions = archive ? archive->schema().extensions : 0;
  if (archive) registration.emplace(*archive, o.chunk_by);
  if (ranks) extensions = parse_integer(ranks->broadcast(std::to_string(extensions))).value_or(0);
  for (const Night& night : nights_of(o.tree)) {
    check_stop();
    ++result.nights;
    if (night.files.empty()) result.problems.push_back(fmt::format("{}: a night without files", night.name));
    if (!night.others.empty())
      result.problems.push_back(fmt::format("{}: {} files are neither images nor tables of detections, such as {} (they are not archived)",
                                            night.name, night.others.size(), night.others.front()));
    // Rank 0 knows what is new; the others look at what it names.
    std::string names;
    if (registration) {
      registration->check_known(night, result);
      for (const NightFile& file : night.files)
        if (!registration->knows(night, file)) names += file.name + "\n";
    }
    if (ranks) names = ranks->broadcast(names);
    if (!names.empty() && archive && archive->is_released())
      throw DataError(
          fmt::format("{}: has {} files that are not archived, and {} is released (nothing can be added: another archive has them)",
                      night.folder, std::ranges::count(names, '\n'), archive->folder()));
    std::vector<const NightFile*> files;
    std::set<std::string> wanted;
    for (const std::string& name : split(names, '\n')) wanted.insert(name);
    for (const NightFile& file : night.files)
      if (wanted.contains(file.name)) files.push_back(&file);
    const std::vector<std::string> texts = looks(ranks, files.size(), [&](std::size_t i) {
      check_stop();
      return text_of(look_at((fs::path(night.folder) / files[i]->name).string(), files[i]->kind, o.chunk_by, extensions));
    });
    if (!registration || files.empty()) continue;
    std::vector<Looked> looked;
    for (const std::string& text : texts) looked.push_back(looked_from(text));
    registration->add(night, files, looked, result);
  }
  return result;
}

}  // namespace skyfold
