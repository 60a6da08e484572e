#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/dataset/product_class.hpp"

namespace skyfold {

/// Where processes are recorded.
struct ProcessOptions {
  std::string project;      ///< folder of the registry; "": the nearest one above the output, else the output's folder; "none"
  std::string product_log;  ///< path of the log; "": the output's with the ending .html; "none"
};
void describe(OptionSet& option, ProcessOptions& o);

/// A table of a product log.
struct LogTable {
  std::string title;
  std::vector<std::string> columns;            ///< headings, with units
  std::vector<std::vector<std::string>> rows;  ///< cells as text; numbers are recognised and set to the right
  std::string note;                            ///< a line below; may be empty
};

/// Points of a plot.
struct Series {
  std::string title;                         ///< in the key; "" for none
  std::string style;                         ///< what gnuplot's `with` takes: "lines", "points pt 7 ps 0.3", "yerrorbars", "image"
  std::vector<std::vector<double>> columns;  ///< x, y, ...: all of one length; NaN leaves a gap
};

/// A plot of a product log, drawn by gnuplot when the process ends.
struct Plot {
  std::string name;                     ///< unique in its log, of [a-z0-9_]: "n_of_z"
  std::string title, x_label, y_label;  ///< labels with units
  std::string settings;                 ///< more lines for gnuplot: "set logscale y\nset key left"
  std::vector<Series> series;
};

/// What the registry and the product log are told of a process: one run of a command.
///
/// `cli` makes it, and ends it with the exit code. A stage says what it reads and makes and adds to the log, on rank 0;
/// on other ranks all calls do nothing. None of them but `check_inputs` throws: what cannot be recorded is a warning, never an error.
class Process {
 public:
  /// A process of which nothing is recorded.
  Process();
  /// @param command  "photoz"
  /// @param options  of the command; recorded as they stand at its end, with what was guessed; must outlive this
  Process(const std::string& command, const OptionSet& options, ProcessOptions o, int ranks, int threads);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// A file that will be read: told before it is opened. The first call records that the process has begun, where the
  /// project has a registry.
  void input(const std::string& path);
  /// Before anything is published: throws DataError that names an input which was written to, replaced or removed since it
  /// was told of. What was made would belong to no state of it.
  void check_inputs() const;
  /// A file that is made, at its final path; the first one is the main one, beside which the log is put.
  /// @param product_class  "": what the file says of itself
  /// @param rows           of its main table; 0: as the file has it
  void product(const std::string& path, const std::string& product_class = {}, std::int64_t rows = 0);
  /// The same for one that an earlier process published, perhaps without having been able to record it.
  void found(const std::string& path);

  /// A line of the log's summary and of the record: "objects in training", "10,225".
  void fact(const std::string& name, const std::string& value);
  /// A table or plot on the tab `tab` of the log: "results", "comparison", ...
  void add(const std::string& tab, LogTable table);
  void add(const std::string& tab, Plot plot);
  /// A paragraph there; text of several lines keeps its lines.
  void add(const std::string& tab, const std::string& text);

  /// Writes the log and closes the record. Called once, by `cli`.
  void end(ExitCode code, const std::string& message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether a file is a product log, which a newer one may replace.
[[nodiscard]] bool is_product_log(const std::string& path);
/// Class of an HDF5 product, from its attribute `product_class`; "" for files without one, whatever their format.
[[nodiscard]] std::string class_of(const std::string& path);
/// Throws DataError unless the file is of one of these classes ("" admits raw tables), naming the products of the
/// registry that are.
void require_class(const std::string& path, const std::vector<std::string>& classes, const std::string& option);

}  // namespace skyfold
