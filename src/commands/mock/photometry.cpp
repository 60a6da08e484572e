// The command mock, for a galaxy measured star by star: objects, their measurements and the offsets between them, cells at a time, all at
// places that are known before any is made.
#include "photometry.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/catalogue/zone_hashes.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_hash.hpp"
#include "skyfold/registry/provenance.hpp"
#include "skyfold/run/run.hpp"

namespace skyfold {
namespace {

/// Makes rows of objects with their measurements, and writes them.
class PhotometryMockWork final : public Work {
 public:
  PhotometryMockWork(const MockPhotometry& mock, const std::string& path, int threads)
      : mock_(mock), threads_(threads), objects_(path), measurements_(path, meas_group), offsets_(path, meas_offset_group) {}

  void read(const Job&, RowRange, int slot, JobResult&) override {
    if (slots_[slot].objects.columns() > 0) return;
    slots_[slot].objects = Table(MockPhotometry::object_schema());
    slots_[slot].measurements = Table(mock_.measurement_schema());
  }
  void compute(const Job&, RowRange block, int slot) override {
    mock_.generate(block, slots_[slot].objects, slots_[slot].measurements, threads_);
  }
  void write(const Job&, RowRange block, int slot, JobResult& result) override {
    const Buffers& mine = slots_[slot];
    result.bytes_written += objects_.write(block.begin, mine.objects);
    result.bytes_written += measurements_.write(mock_.first_measurement(block.begin), mine.measurements);
    std::vector<std::int64_t> first;
    for (std::int64_t row = block.begin; row < block.end; ++row) first.push_back(mock_.first_measurement(row));
    // The number of all stands behind the last object.
    if (block.end == mock_.rows()) first.push_back(mock_.measurements());
    offsets_.write(0, block.begin, std::as_bytes(std::span(first)));
    for (const auto& [writer, table] : {std::pair{&objects_, &mine.objects}, std::pair{&measurements_, &mine.measurements}})
      for (const ColumnInfo& column : writer->schema()) result.checksum = hash_bytes(table->at(column.name).bytes(), result.checksum);
    result.rows += block.size();
  }
  void sync() override {
    objects_.sync();
    measurements_.sync();
    offsets_.sync();
  }
  void mark_failed(RowRange) override {}  // a catalogue with holes is of no use: the run ends with an error
  [[nodiscard]] std::optional<std::uint64_t> stored_checksum(RowRange block, std::uint64_t chained) override {
    const RowRange measured{mock_.first_measurement(block.begin), mock_.first_measurement(block.end)};
    return hash_of_rows(measurements_, measured, hash_of_rows(objects_, block, chained));
  }

 private:
  struct Buffers {
    Table objects, measurements;
  };
  const MockPhotometry& mock_;
  int threads_;
  RowWriter objects_, measurements_, offsets_;
  Slots<Buffers> slots_;
};

Table texts_as_table(const std::vector<std::string>& texts) {
  Table table({{"value", Type::text, texts.front().size()}}, texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)  // all are of one length
    std::ranges::copy(texts[i], table[0].values<char>().begin() + static_cast<std::ptrdiff_t>(i * texts[i].size()));
  return table;
}

void lay_out(const MockPhotometry& mock, const PhotometryMockOptions& o, const std::string& path, const std::string& provenance) {
  MeasurementRoles roles{"filter", "mjd", "objid", "", "", {"filter", "image"}};
  if (o.has_positions) {
    roles.ra = "ra";
    roles.dec = "dec";
  }
  Attributes attributes = catalogue_attributes(
      {MockPhotometry::object_schema(), mock.rows(), Ordering::healpix, "", {"id", "ra", "dec", ""}, creator_of("mock"), provenance});
  for (const auto& [name, value] : attributes_of(roles)) attributes[name] = value;
  attributes["meas_join"] = "id:objid";
  const ColumnInfo first_row{"first_row", Type::i8, 1, "", "", "first measurement of each object; at the end their number"};
  create_columns(path,
                 {{"/object", MockPhotometry::object_schema(), mock.rows()},
                  {meas_group, mock.measurement_schema(), mock.measurements()},
                  {meas_offset_group, {first_row}, mock.rows() + 1}},
                 attributes);
  const std::vector<std::string> filters(photometry_filters.begin(), photometry_filters.end());
  add_columns(
      path, {{meas_dictionary_group("filter"), texts_as_table(filters)}, {meas_dictionary_group("image"), texts_as_table(mock.images())}});
  add_links(path, {{meas_offset_link, std::string(meas_offset_group) + "/first_row"}});
}

}  // namespace

ExitCode run_photometry_mock(const MockOptions& objects, const PhotometryMockOptions& o, const std::string& output,
                             const CommandContext& context) {
  Ranks& ranks = *context.ranks;
  std::optional<MockPhotometry> mock;
  ranks.together([&] { mock.emplace(objects, o); });
  Run run(ranks, context.options, context.run, RunSetup{"mock", program_version, output, {output}, {}, &context.process});
  if (run.is_complete()) return ExitCode::done;
  const std::string path = run.partial(output), provenance = provenance_json("mock", context.options, {});
  run.once("catalogue", [&] { lay_out(*mock, o, path, provenance); });
  std::vector<Partition> cells;
  for (const auto& cell : mock->cells())
    cells.push_back({std::ssize(cells), fmt::format("order {} pixel {}", MockPhotometry::order, cell.pixel), cell.rows,
                     static_cast<double>(cell.rows.size())});
  std::shared_ptr<PhotometryMockWork> work;
  ranks.together([&] { work = std::make_shared<PhotometryMockWork>(*mock, path, context.threads); });
  TaskInfo task{"mock", "objects"};
  task.must_succeed = true;
  run.farm(task, cells, work);
  for (const std::string& group :
       {std::string(meas_group), std::string(meas_offset_group), meas_dictionary_group("filter"), meas_dictionary_group("image")})
    add_zone_hashes(ranks, path, group, true);
  finalise_catalogue(ranks, path);
  run.publish({output});
  return run.finish(context.threads, fmt::format("{} measurements\n", grouped(mock->measurements())));
}

}  // namespace skyfold
