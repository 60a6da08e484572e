// Files of a folder as work of the farm. A job is a piece of a file, which every run cuts the same way, so that products have the same
// bytes whoever computes what.
#include "folder_work.hpp"

#include <algorithm>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/table/algebra.hpp"
#include "work.hpp"

namespace skyfold {
namespace {

/// Products that a rank has open.
constexpr std::size_t most_open = 16;

std::string named(const std::string& path, const std::string& message) {
  return message.find(path) == std::string::npos ? path + ": " + message : message;
}

/// Whether an error is one of the file that is read, and not of this program or of what it writes.
bool is_of_input(ExitCode code) { return code == ExitCode::data || code == ExitCode::io || code == ExitCode::usage; }

std::vector<std::size_t> places_where(const std::optional<Condition>& condition, const Table& rows) {
  std::vector<std::size_t> places(rows.rows());
  std::iota(places.begin(), places.end(), std::size_t{0});
  if (!condition) return places;
  std::vector<std::uint8_t> holds(rows.rows(), 1);
  condition->evaluate(rows, holds);
  std::erase_if(places, [&](std::size_t row) { return !holds[row]; });
  return places;
}

/// Some columns of `from`, by number of row.
Table gathered(const Table& from, const std::vector<std::string>& names, const std::vector<std::size_t>& rows) {
  Schema schema;
  for (const std::string& name : names)
    if (!name.empty() && !find_column(schema, name)) schema.push_back(from.at(name).info());
  Table table(schema, rows.size());
  gather_rows(from, rows, table);
  return table;
}

}  // namespace

ChosenInPiece read_folder_piece(OpenTables& open, const FolderTask& task, std::size_t piece, Table& rows) {
  const OpenTable& table = open.at(task.path, task.table);
  read_piece(table.dataset->source(), table.pieces[piece], rows);
  ChosenInPiece chosen{places_where(task.fit->where, rows), {}};
  if (!task.fit->pdf_where) return chosen;
  const std::vector<std::size_t> with_pdf = places_where(task.fit->pdf_where, rows);
  for (std::size_t i = 0; i < chosen.objects.size(); ++i)
    if (std::ranges::binary_search(with_pdf, chosen.objects[i])) chosen.with_pdf.push_back(i);
  return chosen;
}

/// The products of a file, open for writing.
class FolderWork::Products {
 public:
  Products(std::size_t number, const FolderTask& task) : number_(number), task_(task), rows_(task.product) {
    if (task.fit->pdf_where) objects_ = {[this](RowRange) { return chosen_; }};
    for (const std::string& path : task.pdf_files)
      pdfs_.push_back(std::make_unique<PdfFileWriter>(path, objects_ ? &*objects_ : nullptr, task.fit->pdf_copies));
  }
  ~Products() = default;
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  [[nodiscard]] std::size_t number() const noexcept { return number_; }

  void write(std::size_t piece, const Buffers& from, JobResult& result) {
    const RowRange rows = select(piece, from.chosen.with_pdf);
    if (rows.size() == 0) return;
    std::vector<const Table*> tables = {&from.copied};
    for (const ModelRows& model : from.models) tables.push_back(&model.out);
    if (task_.fit->consensus) tables.push_back(&from.consensus);
    rows_.write(rows.begin, tables, result);
    for (std::size_t i = 0; i < pdfs_.size(); ++i) pdfs_[i]->write(rows, from.through, from.models[i].out, result);
    is_synced_ = false;
  }
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(std::size_t piece, std::uint64_t chained) {
    const RowRange rows = select(piece, {});
    if (rows.size() == 0) return chained;
    auto checksum = rows_.stored_checksum(rows, chained);
    for (const auto& pdf : pdfs_)
      if (checksum) checksum = pdf->stored_checksum(rows, *checksum);
    return checksum;
  }
  void sync() {
    if (std::exchange(is_synced_, true)) return;
    rows_.sync();
    for (const auto& pdf : pdfs_) pdf->sync();
  }

 private:
  /// Rows of the product; those of the PDFs are noted.
  RowRange select(std::size_t piece, std::vector<std::size_t> with_pdf) {
    if (objects_) chosen_ = {{task_.pdfs[piece], task_.pdfs[piece + 1]}, std::move(with_pdf)};
    return {task_.objects[piece], task_.objects[piece + 1]};
  }

  std::size_t number_;
  const FolderTask& task_;
  ProductWriter rows_;
  std::optional<PdfObjects> objects_;
  PdfRows chosen_;
  std::vector<std::unique_ptr<PdfFileWriter>> pdfs_;
  bool is_synced_ = true;
};

FolderWork::FolderWork(const std::vector<FolderTask>& tasks, const CatalogueInput& in, std::shared_ptr<Parts> problems, int threads)
    : tasks_(tasks), open_(in), problems_(std::move(problems)), threads_(threads) {}
FolderWork::~FolderWork() = default;

FolderWork::Place FolderWork::place_of(RowRange block) const {
  const auto task = std::prev(std::ranges::upper_bound(tasks_, block.begin, {}, &FolderTask::first_row));
  const auto piece = std::prev(std::ranges::upper_bound(task->rows, block.begin));  // the last one: others have no rows
  return {static_cast<std::size_t>(task - tasks_.begin()), static_cast<std::size_t>(piece - task->rows.begin())};
}

FolderWork::Products& FolderWork::products_of(std::size_t task) {
  const auto held = std::ranges::find(products_, task, [](const auto& open) { return open->number(); });
  if (held != products_.end()) {
    products_.splice(products_.begin(), products_, held);
    return *products_.front();
  }
  if (products_.size() >= most_open) {
    products_.back()->sync();
    products_.pop_back();
  }
  products_.push_front(std::make_unique<Products>(task, tasks_[task]));
  return *products_.front();
}

/// Of a piece that was read: what the kernels need, and what goes into the products.
void FolderWork::take(const FolderTask& task, std::size_t piece, Buffers& mine) const {
  const FolderFit& fit = *task.fit;
  const std::vector<std::size_t>& objects = mine.chosen.objects;
  mine.models.resize(fit.models.size());
  for (std::size_t i = 0; i < fit.models.size(); ++i) {
    ModelRows& model = mine.models[i];
    model.in = gathered(mine.all, FolderFit::needs(fit.models[i]), objects);
    model.found = fit.models[i].corrections.look_up(model.in);
    model.out = Table(fit.models[i].kernel->gives(), objects.size());
  }
  std::vector<std::string> through;
  for (const CopiedColumn& column : fit.copied) through.push_back(column.from);
  if (!task.pdf_files.empty()) through.insert(through.end(), {fit.pdf_copies.id.name, fit.pdf_copies.redshift.name});
  mine.through = gathered(mine.all, through, objects);
  mine.copied = Table({}, objects.size());
  for (const CopiedColumn& column : fit.copied) convert_numbers(mine.through.at(column.from), mine.copied.add(column.as));
  if (!fit.has_row) return;
  const auto rows = mine.copied.add(fit.product[fit.copied.size()]).values<std::int64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = task.rows[piece] - task.first_row + static_cast<std::int64_t>(objects[i]);
}

void FolderWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = slots_[slot];
  const auto [number, piece] = place_of(block);
  const FolderTask& task = tasks_[number];
  mine.problem.clear();
  try {
    mine.all = Table(task.fit->read);
    mine.chosen = read_folder_piece(open_, task, piece, mine.all);
    result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(task.fit->read));
    take(task, piece, mine);
  } catch (const Error& error) {
    if (!is_of_input(error.code())) throw;
    mine.problem = named(task.path, error.what());
  }
}

void FolderWork::compute(const Job&, RowRange block, int slot) {
  Buffers& mine = slots_[slot];
  if (!mine.problem.empty() || mine.chosen.objects.empty()) return;
  const FolderFit& fit = *tasks_[place_of(block).task].fit;
  for (std::size_t i = 0; i < fit.models.size(); ++i) {
    fit.models[i].corrections.apply(mine.models[i].in, mine.models[i].found, threads_);
    fit.models[i].kernel->run(mine.models[i].in, mine.models[i].out, threads_);
  }
  if (!fit.consensus) return;
  std::vector<const Table*> estimates;
  for (const ModelRows& model : mine.models) estimates.push_back(&model.out);
  mine.consensus = Table(Consensus::columns(), mine.chosen.objects.size());
  fit.consensus->fill(estimates, threads_, mine.consensus);
}

void FolderWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  const Buffers& mine = slots_[slot];
  const auto [task, piece] = place_of(block);
  if (mine.problem.empty())
    products_of(task).write(piece, mine, result);
  else
    problems_->keep(block, mine.problem, result);
  result.rows += block.size();
}

void FolderWork::sync() {
  for (const auto& open : products_) open->sync();
  problems_->sync();
}

std::optional<std::uint64_t> FolderWork::stored_checksum(RowRange block, std::uint64_t chained) {
  if (const auto problem = problems_->stored_checksum(block, chained)) return problem;
  const auto [task, piece] = place_of(block);
  // One that an earlier attempt has given its name was whole then.
  return products_of(task).stored_checksum(piece, chained);
}

}  // namespace skyfold
