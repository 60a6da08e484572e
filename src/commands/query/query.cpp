// The commands query, count and head: rows of a table by place, condition, ids and chance, to the screen or a file. Small questions are
// answered by one process without MPI; under a launcher ranks share the zones of the table.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "chosen_blocks.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/dataset/correction_record.hpp"
#include "skyfold/dataset/model_file.hpp"
#include "skyfold/dataset/output_columns.hpp"
#include "skyfold/dataset/row_sink.hpp"
#include "skyfold/dataset/sky_regions.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/folder.hpp"
#include "skyfold/table/algebra.hpp"
#include "sorted_rows.hpp"

namespace skyfold {
namespace {

struct QueryOptions {
  std::string catalogue, where, ids, with, order_by;
  RegionOptions region;
  std::vector<std::string> columns;
  long limit = -1;
  double sample = 100.0;
  bool descending = false;
  RowOutputOptions output;
  SourceOptions input;
};

void describe_rows(OptionSet& option, QueryOptions& o) {
  option("catalogue", o.catalogue, "catalogue, product or any other table").required().positional().layout();
  option("where", o.where, "condition that rows must meet: mag_i < 22 and flags == 0");
  describe(option, o.region);
  option("ids", o.ids, "only objects whose id stands in this table");
  option("sample", o.sample, "share of the objects, the same ones for ever, by a hash of the id").unit("per cent").range(0.0, 100.0);
  option("with", o.with, "second table with the same rows or the same ids, whose columns stand beside those of the first");
}

/// One question.
class Question {
 public:
  explicit Question(const QueryOptions& o) : o_(o), table_(o.catalogue, o.input) {
    if (!o.with.empty()) partner_.emplace(table_, o.with, o.input);
    schema_ = table_.schema();
    if (partner_) schema_.insert(schema_.end(), partner_->schema().begin(), partner_->schema().end());
  }

  [[nodiscard]] const Dataset& table() const { return table_; }
  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const std::optional<Partner>& partner() const { return partner_; }

  [[nodiscard]] std::unique_ptr<ChosenBlocks> rows(const std::vector<std::string>& columns) const {
    RowsAsked asked{read_areas(o_.region, o_.input), o_.where, o_.ids, std::nullopt, partner_ ? &*partner_ : nullptr};
    if (o_.sample < 100.0) asked.share = o_.sample;
    return std::make_unique<ChosenBlocks>(table_, std::move(asked), columns);
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> identities() const {
    std::vector<std::pair<std::string, std::string>> all;
    for (const std::string& path : files()) {
      const bool is_own = path == o_.catalogue && table_.catalogue();
      all.emplace_back(path, is_own ? table_.catalogue()->fingerprint() : file_identity(path));
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> paths = {o_.catalogue};
    for (const std::string& path : {o_.with, o_.ids})
      if (!path.empty()) paths.push_back(path);
    const std::vector<std::string> regions = o_.region.files();
    paths.insert(paths.end(), regions.begin(), regions.end());
    return paths;
  }

 private:
  const QueryOptions& o_;
  Dataset table_;
  std::optional<Partner> partner_;
  Schema schema_;
};

/// One run of query.
class QueryRun {
 public:
  QueryRun(const QueryOptions& o, const CommandContext& context) : o_(o), context_(context), format_(format_of(o.output)) {
    // What is in one order, or goes to one screen, is the work of one process.
    ranks_ = context.ranks && o.order_by.empty() && !o.output.output.empty() ? context.ranks : nullptr;
  }

  ExitCode run() {
    if (context_.ranks && !ranks_) {
      context_.ranks->on_first_only([&] { answer(); });
      return ExitCode::done;
    }
    answer();
    return ExitCode::done;
  }

 private:
  void together(const std::function<void()>& task) const { ranks_ ? ranks_->together(task) : task(); }

  void answer() {
    std::optional<Question> question;
    std::optional<OutputColumns> columns;
    std::unique_ptr<ChosenBlocks> rows;
    std::optional<SortedRows> sorted;
    together([&] {
      question.emplace(o_);
      if (!o_.output.output.empty()) prepare_output(*question);
      columns.emplace(o_.columns, question->schema());
      if (format_ == RowFormat::hdf5) keep_places(*question, *columns);
      std::vector<std::string> needs = columns->needs();
      if (!o_.order_by.empty()) {
        sorted.emplace(o_.order_by, question->schema(), o_.descending, o_.limit, columns->schema());
        needs.insert(needs.end(), sorted->needs().begin(), sorted->needs().end());
      }
      rows = question->rows(needs);
      say_partner(*question);
    });
    RowSink sink({o_.output, layout_of(*question, *columns), corrections_of(*question), sorted ? -1 : o_.limit}, ranks_);
    const auto go = [&] { sorted ? add_sorted(*rows, *columns, *sorted, sink) : add_rows(*rows, *columns, sink); };
    ranks_ ? ranks_->each_together(go) : go();
    const std::int64_t count = sink.finish();
    report(count, *rows);
  }

  /// What would go wrong at the end is told before the work.
  void prepare_output(const Question& question) const {
    check_outputs({o_.output.output}, question.files());
    check_replaceable({o_.output.output});
    for (const std::string& path : question.files()) context_.process.input(path);
  }

  void say_partner(const Question& question) const {
    if (!question.partner() || o_.output.output.empty() || (ranks_ && !ranks_->is_first())) return;
    log_info(fmt::format("{}: joined {}", o_.with, question.partner()->description()));
    const std::vector<std::string>& left_out = question.partner()->left_out();
    if (!left_out.empty()) log_info(fmt::format("{}: columns of both tables are the first one's: {}", o_.with, join(left_out, ", ")));
  }

  /// A catalogue again has the columns by which it is one.
  static void keep_places(const Question& question, OutputColumns& columns) {
    const Catalogue* catalogue = question.table().catalogue();
    if (!catalogue) return;
    const CatalogueLayout& layout = catalogue->layout();
    for (const std::string& name :
         {layout.roles.id, layout.roles.ra, layout.roles.dec, layout.roles.tile, layout.attribute, std::string(healpix_column)})
      if (const auto column = find_column(catalogue->schema(), name)) (void)columns.add(catalogue->schema()[*column]);
  }

  [[nodiscard]] CatalogueLayout layout_of(const Question& question, const OutputColumns& columns) const {
    CatalogueLayout layout;
    layout.schema = columns.schema();
    layout.creator = creator_of("query");
    if (o_.output.output.empty()) return layout;
    layout.provenance = provenance_json("query", context_.options, question.identities());
    if (const Catalogue* catalogue = question.table().catalogue()) {
      layout.roles = catalogue->layout().roles;
      // In another order than that of the catalogue there is none.
      if (o_.order_by.empty()) {
        layout.ordering = catalogue->layout().ordering;
        layout.attribute = catalogue->layout().attribute;
      }
      // With columns of the user's choice it is a catalogue, whatever it was before.
      if (o_.columns.empty() && o_.with.empty() && !catalogue->layout().product_class.empty())
        layout.product_class = catalogue->layout().product_class;
    }
    return layout;
  }

  [[nodiscard]] CorrectionRecord corrections_of(const Question& question) const {
    return format_ == RowFormat::hdf5 && question.table().catalogue() ? read_corrections(o_.catalogue) : CorrectionRecord{};
  }

  void add_rows(ChosenBlocks& rows, const OutputColumns& columns, RowSink& sink) const {
    Table block;
    const std::int64_t first = ranks_ ? ranks_->rank() : 0, step = ranks_ ? ranks_->size() : 1;
    for (std::int64_t unit = first; unit < rows.blocks() && !sink.is_full(); unit += step) {
      rows.read(unit, block);
      if (block.rows() > 0) sink.add(columns.make(block), unit);
    }
  }

  static void add_sorted(ChosenBlocks& rows, const OutputColumns& columns, SortedRows& sorted, RowSink& sink) {
    Table block;
    for (std::int64_t unit = 0; unit < rows.blocks(); ++unit) {
      rows.read(unit, block);
      if (block.rows() > 0) sorted.add(block, columns.make(block));
    }
    sorted.give([&](const Table& part) { sink.add(part); });
  }

  void report(std::int64_t count, const ChosenBlocks& rows) const {
    std::vector<std::int64_t> lost = {rows.without_partner()};
    if (ranks_) ranks_->sum(lost);
    if ((ranks_ && !ranks_->is_first())) return;
    if (lost[0] > 0)
      log_warning(fmt::format("{}: has no row for {} of those that were looked at, which are left out", o_.with, grouped(lost[0])));
    if (o_.output.output.empty()) return;
    context_.process.product(o_.output.output, "", count);
    fmt::print("{} rows\nwrote {}\n", grouped(count), o_.output.output);
  }

  const QueryOptions& o_;
  const CommandContext& context_;
  RowFormat format_;
  const Ranks* ranks_ = nullptr;
};

class QueryCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    describe_rows(option, o_);
    option("columns", o_.columns, "columns of the answer: names, or calculated ones, 'mag_g - mag_r as gr'; empty: all");
    option("limit", o_.limit, "rows, at most; -1: all").range(-1, 9e15);
    option("order-by", o_.order_by, "column or calculation by which rows are put in order, smallest first; missing ones last");
    option("descending", o_.descending, "largest first");
    skyfold::describe(option, o_.output);
    skyfold::describe(option, o_.input);
  }
  ExitCode run(const CommandContext& context) override {
    if (o_.descending && o_.order_by.empty()) throw UsageError("--descending without --order-by");
    return QueryRun(o_, context).run();
  }

 private:
  QueryOptions o_;
};

class CountCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    describe_rows(option, o_);
    skyfold::describe(option, o_.input);
  }
  ExitCode run(const CommandContext&) override {
    const Question question(o_);
    const std::unique_ptr<ChosenBlocks> rows = question.rows({});
    std::int64_t count = 0;
    for (std::int64_t block = 0; block < rows->blocks(); ++block) count += rows->count(block);
    fmt::print("{}\n", count);
    return ExitCode::done;
  }

 private:
  QueryOptions o_;
};

class HeadCommand final : public Command {
 public:
  void describe(OptionSet& option) override {
    option("catalogue", o_.catalogue, "catalogue, product or any other table").required().positional().layout();
    option("rows", o_.limit, "rows to show").range(1, 1'000'000);
    option("columns", o_.columns, "columns: names, or calculated ones, 'mag_g - mag_r as gr'; empty: all");
    skyfold::describe(option, o_.input);
  }
  ExitCode run(const CommandContext& context) override { return QueryRun(o_, context).run(); }
  HeadCommand() { o_.limit = 10; }

 private:
  QueryOptions o_;
};

}  // namespace

std::unique_ptr<Command> make_query_command() { return std::make_unique<QueryCommand>(); }
std::unique_ptr<Command> make_count_command() { return std::make_unique<CountCommand>(); }
std::unique_ptr<Command> make_head_command() { return std::make_unique<HeadCommand>(); }

}  // namespace skyfold
