// Photoz as work of the farm: columns of a block in, estimates of all models and their PDFs out.
#include "work.hpp"

#include <algorithm>

#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

Table table_of(const Schema& schema, const std::vector<std::string>& names) {
  Table table;
  for (const std::string& name : names) table.add(schema[*find_column(schema, name)]);
  return table;
}

void add_new(std::vector<std::string>& names, const std::vector<std::string>& more) {
  for (const std::string& name : more)
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::vector<std::string> columns_read(const ModelWork& model) {
  std::vector<std::string> names = model.kernel.needs();
  add_new(names, model.corrections.needs());
  return names;
}

}  // namespace

void convert_numbers(const Column& from, Column& to) {
  if (from.info().type == to.info().type) {
    std::ranges::copy(from.bytes(), to.bytes().begin());
  } else if (to.info().type == Type::i8) {
    const auto values = to.values<std::int64_t>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = from.integer(i);
  } else {
    const auto values = to.values<double>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = from.number(i);
  }
}

PhotozWork::PhotozWork(const ChosenRows& objects, const std::vector<ModelWork>& models, const std::optional<Consensus>& consensus,
                       const CopiedRows& copied, const RowProduct& product, int threads)
    : objects_(objects), models_(models), consensus_(consensus), copied_(copied.columns), threads_(threads), product_(product) {
  const Schema& schema = objects.catalogue().schema();
  std::vector<std::string> read, through;
  for (const ModelWork& model : models_) {
    add_new(read, columns_read(model));
    empty_.models.push_back({table_of(schema, columns_read(model)), {}, Table(model.kernel.gives())});
    pdfs_.push_back(model.pdf.empty() ? nullptr : std::make_unique<PdfFileWriter>(model.pdf, copied.with_pdf, copied.pdf));
  }
  if (consensus_) empty_.consensus = Table(Consensus::columns());
  empty_.in = table_of(schema, read);
  bool is_renamed = false;
  for (const CopiedColumn& column : copied_) {
    add_new(through, {column.from});
    is_renamed = is_renamed || column.as.name != column.from || column.as.type != schema[*find_column(schema, column.from)].type;
  }
  add_new(through, {copied.pdf.id.name, copied.pdf.redshift.name});
  empty_.copied = table_of(schema, through);
  if (is_renamed)
    for (const CopiedColumn& column : copied_) empty_.renamed.add(column.as);
}

PhotozWork::Buffers& PhotozWork::buffers(int slot) {
  Buffers& mine = slots_[slot];
  // Copied once for each slot: a table of columns without rows says what is to be read.
  if (mine.models.empty()) mine = empty_;
  return mine;
}

void PhotozWork::read_models(RowRange block, Buffers& mine, JobResult& result) {
  // Of several models most read the same columns, which come from the file once.
  Table& in = mine.models.size() == 1 ? mine.models.front().in : mine.in;
  objects_.read(block, in);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(in.schema()));
  for (Estimates& model : mine.models) {
    if (&model.in == &in) continue;
    model.in.resize(in.rows());
    put_rows(in, model.in, 0);
  }
  for (std::size_t i = 0; i < models_.size(); ++i)
    mine.models[i].found = models_[i].corrections.look_up(mine.models[i].in);  // here, where an error of the data is one of the run
}

void PhotozWork::read_copied(RowRange block, Buffers& mine) {
  objects_.read(block, mine.copied);
  mine.renamed.resize(mine.copied.rows());
  for (std::size_t i = 0; i < mine.renamed.columns(); ++i) convert_numbers(mine.copied.at(copied_[i].from), mine.renamed[i]);
}

void PhotozWork::read(const Job&, RowRange block, int slot, JobResult& result) {
  Buffers& mine = buffers(slot);
  // What models need and what goes into the product as it is; a column that is both is read twice, as corrections change the first.
  read_models(block, mine, result);
  read_copied(block, mine);
  result.bytes_read += block.size() * static_cast<std::int64_t>(bytes_per_row(mine.copied.schema()));
}

void PhotozWork::compute(const Job&, RowRange block, int slot) {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    Estimates& mine = slots_[slot].models[i];
    mine.out.resize(static_cast<std::size_t>(block.size()));
    models_[i].corrections.apply(mine.in, mine.found, threads_);
    models_[i].kernel.run(mine.in, mine.out, threads_);
  }
  agree(static_cast<std::size_t>(block.size()), slots_[slot]);
}

void PhotozWork::agree(std::size_t rows, Buffers& mine) const {
  if (!consensus_) return;
  std::vector<const Table*> estimates;
  for (const Estimates& model : mine.models) estimates.push_back(&model.out);
  mine.consensus.resize(rows);
  consensus_->fill(estimates, threads_, mine.consensus);
}

void PhotozWork::write(const Job&, RowRange block, int slot, JobResult& result) {
  write_rows(block, slots_[slot], result);
  result.rows += block.size();
}

void PhotozWork::write_rows(RowRange block, const Buffers& rows, JobResult& result) {
  std::vector<const Table*> tables = {rows.renamed.columns() > 0 ? &rows.renamed : &rows.copied};
  for (const Estimates& model : rows.models) tables.push_back(&model.out);
  if (consensus_) tables.push_back(&rows.consensus);
  product_.write(block.begin, tables, result);
  for (std::size_t i = 0; i < pdfs_.size(); ++i)
    if (pdfs_[i]) pdfs_[i]->write(block, rows.copied, rows.models[i].out, result);
}

void PhotozWork::sync() {
  product_.sync();
  for (const auto& pdf : pdfs_)
    if (pdf) pdf->sync();
}

std::optional<std::uint64_t> PhotozWork::stored_checksum(RowRange block, std::uint64_t chained) {
  std::optional<std::uint64_t> sum = product_.stored_checksum(block, chained);
  // In the order in which write_rows() chained them.
  for (const auto& pdf : pdfs_)
    if (pdf && sum) sum = pdf->stored_checksum(block, *sum);
  return sum;
}

void PhotozWork::mark_failed(RowRange block) {
  Buffers mine = empty_;  // not a slot's: a kernel may hang on that
  // A row of an object that failed has its id and place all the same.
  read_copied(block, mine);
  for (std::size_t i = 0; i < models_.size(); ++i) {
    mine.models[i].out.resize(static_cast<std::size_t>(block.size()));
    models_[i].kernel.mark_failed(mine.models[i].out);
  }
  agree(static_cast<std::size_t>(block.size()), mine);
  JobResult ignored;
  write_rows(block, mine, ignored);
}

}  // namespace skyfold
