// sql: a query on catalogues and products, by DuckDB. One process without MPI; columns are read where they are, and rows go to the screen
// or a file as those of query do.
#include <fmt/core.h>

#include <algorithm>

#include "adql.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/quoting.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/row_sink.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "tables.hpp"

namespace skyfold {
namespace {

struct SqlOptions {
  std::vector<std::string> tables;
  std::string query;
  double limit_time = 0.0;
  long limit_memory = 1024;
  RowOutputOptions output;
};

/// Units and descriptions of columns that a query takes as they are: those of one name and type, where it gives no names of its own.
void keep_descriptions(Schema& answer, const std::string& query, const SqlFiles& files) {
  for (const SqlToken& token : sql_tokens(query))
    if (token.is_word("as")) return;
  for (ColumnInfo& column : answer)
    for (const auto& catalogue : files.catalogues()) {
      const auto at = find_column(catalogue->schema(), column.name);
      if (!at || catalogue->schema()[*at].type != column.type) continue;
      const ColumnInfo& known = catalogue->schema()[*at];
      column.unit = known.unit;
      column.ucd = known.ucd;
      column.description = known.description;
      break;
    }
}

class SqlCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("tables", o_.tables, "catalogues and products, FILE or NAME=FILE; the first is also called object, its measurements meas")
        .required()
        .layout();
    option("query", o_.query, "SELECT ... in SQL (DuckDB's, with functions of the sky) or ADQL").required();
    option("limit-time", o_.limit_time, "the query is ended after this time; 0: never").unit("s").range(0.0, 1e9).layout();
    option("limit-memory", o_.limit_memory, "memory of the query").unit("MB").range(32, 1e7).layout();
    skyfold::describe(option, o_.output);
  }

  /// skyfold sql A.h5 B.h5 "SELECT ...": of the words before the options the last is the query.
  std::vector<std::string> own_words(std::vector<std::string> words) override {
    const auto end =
        std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("--") && word.find(' ') == std::string::npos; });
    std::vector<std::string> bare(words.begin(), end), rest(end, words.end());
    if (bare.empty()) return words;
    const bool has_query =
        std::ranges::any_of(rest, [](const std::string& word) { return word == "--query" || word.starts_with("--query="); });
    if (!has_query) {
      rest.insert(rest.begin(), {"--query", bare.back()});
      bare.pop_back();
    }
    if (!bare.empty()) rest.insert(rest.begin(), {"--tables", quoted_list(bare)});
    return rest;
  }

  ExitCode run(const CommandContext& context) override {
    std::vector<SqlFile> inputs;
    std::vector<std::string> paths;
    for (const std::string& word : o_.tables) paths.push_back(inputs.emplace_back(sql_file(word)).path);
    (void)format_of(o_.output);
    if (!o_.output.output.empty()) {
      check_outputs({o_.output.output}, paths);
      check_replaceable({o_.output.output});
      for (const std::string& path : paths) context.process.input(path);
    }
    const std::string query = from_adql(o_.query);
    SqlEngine engine({o_.limit_time, o_.limit_memory});
    SqlFiles files(inputs, query);
    files.add_to(engine);
    for (const std::string& remark : files.remarks()) log_info(remark);
    CatalogueLayout layout;
    layout.schema = engine.prepare(query);
    keep_descriptions(layout.schema, query, files);
    layout.creator = creator_of("sql");
    if (!o_.output.output.empty()) layout.provenance = provenance_json("sql", context.options, identities(files));
    set_roles(layout, files);
    RowSink sink({o_.output, layout, {}, -1});
    engine.run([&](const Table& rows) { sink.add(rows); });
    const std::int64_t count = sink.finish();
    if (o_.output.output.empty()) return ExitCode::done;
    context.process.product(o_.output.output, "", count);
    fmt::print("{} rows\nwrote {}\n", grouped(count), o_.output.output);
    return ExitCode::done;
  }

 private:
  static std::vector<std::pair<std::string, std::string>> identities(const SqlFiles& files) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& catalogue : files.catalogues()) all.emplace_back(catalogue->path(), catalogue->fingerprint());
    return all;
  }

  /// Of an answer in HDF5, which is a catalogue without order: what the first table calls id and position, where it is there.
  static void set_roles(CatalogueLayout& layout, const SqlFiles& files) {
    const Roles& known = files.catalogues().front()->layout().roles;
    const auto has = [&](const std::string& name) { return !name.empty() && find_column(layout.schema, name); };
    if (has(known.id)) layout.roles.id = known.id;
    if (has(known.ra) && has(known.dec) && find_column(layout.schema, healpix_column)) {
      layout.roles.ra = known.ra;
      layout.roles.dec = known.dec;
    }
  }

  SqlOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_sql_command() { return std::make_unique<SqlCommand>(); }

}  // namespace skyfold
