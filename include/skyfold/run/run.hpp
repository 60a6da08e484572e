#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/dataset/parts.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/farm/ranks.hpp"
#include "skyfold/registry/process.hpp"

namespace skyfold {

/// Options of every command that farms.
struct RunOptions {
  bool fresh = false;             ///< start over, whatever an earlier attempt left
  bool verify = true;             ///< on resuming, read the rows that are done and compare their checksums
  std::string compress = "none";  ///< how the HDF5 products are stored
  FarmOptions farm;
};
void describe(OptionSet& option, RunOptions& o);
/// `fresh` alone, for commands that share work among ranks without a farm.
void describe_fresh(OptionSet& option, RunOptions& o);

/// What decides the content of a run's products, besides its options. Command, version, inputs and options that are not
/// layout are equal at every attempt, or the attempt is refused.
struct RunSetup {
  std::string command;                ///< "photoz"
  std::string version;                ///< of the program
  std::string output;                 ///< the main product
  std::vector<std::string> products;  ///< all final paths that are known now, the main one first
  std::vector<std::string> inputs;    ///< files that are read
  Process* process = nullptr;         ///< is told of them, and of the closing table
  std::vector<std::string> derived =
      {};  ///< those of `products` that can be made from the rows of the main one: attempts may differ in them
  /// How a finished run is taken up again, where partitions failed or a product is missing: by laying the products out anew and
  /// taking the rows from those that are published.
  enum class Reopen {
    never,
    when_failed,
    always
  } reopen = Reopen::never;  ///< when_failed: scratch files are needed, which go when all is done
};

/// One pass of a run over rows.
struct TaskInfo {
  std::string name;  ///< "photoz"; "import (1 of 3, keys)"
  std::string unit;  ///< what a row is: "objects"
  std::string partitions_per_job = "auto";
  bool whole_jobs = false;    ///< a job is done in one block, and never cut: one partition each
  bool must_succeed = false;  ///< a failed partition is an error: a hole makes the product useless
};

/// The life of a run: `OUTPUT.run`, its lock and journal, what an interrupted attempt left, and the end. All calls are
/// collective. A command makes one first, runs its passes with `farm`, makes things that are made once with `once`, and
/// ends with `publish` and `finish`. So every command that farms can be killed and run again.
class Run {
 public:
  /// Takes the run up where an earlier attempt left it, or starts it. Throws UsageError when the earlier attempt had
  /// other options, DataError when an input has changed since, IoError when another process holds the output.
  Run(Ranks& ranks, const OptionSet& options, const RunOptions& o, RunSetup setup);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// An earlier attempt published everything, and it is still there: nothing to do.
  [[nodiscard]] bool is_complete() const noexcept;
  /// Where a product, or a scratch file of that name, is while the run lasts.
  [[nodiscard]] std::string partial(const std::string& final_path) const;

  /// Runs `make` on rank 0, unless an earlier attempt has: for laying out files, which must not happen twice.
  void once(const std::string& name, const std::function<void()>& make);
  /// The same for the products themselves, which are laid out again when a finished run is taken up.
  void lay_out(const std::function<void()>& make);
  /// Where the published product is whose rows are to be taken over when products are laid out; "" for none. Rank 0.
  [[nodiscard]] std::string earlier(const std::string& final_path) const;
  /// Whether every attempt fills this product together with the rows of the main one. Else it was not asked for at some
  /// time, and must be made from the main one.
  [[nodiscard]] bool is_filled_along(const std::string& final_path) const;
  /// Whether the step of that name was made, now or by an earlier attempt.
  [[nodiscard]] bool has_made(const std::string& name) const;

  /// Results of a pass that are not one row per driving row; what earlier attempts kept is there. They go when all is done.
  /// @param name  unique in the run, at most 36 bytes
  [[nodiscard]] std::shared_ptr<Parts> parts(const std::string& name);

  /// Does what is left of a pass.
  /// @param partitions  on rank 0: all of them, in row order; `id` is the place in this list
  FarmReport farm(const TaskInfo& task, const std::vector<Partition>& partitions, const std::shared_ptr<Work>& work);
  /// An error of the data came up: they will be other data next time, so that there is nothing to go on from.
  void discard() noexcept;
  /// Ones'-complement sum of the FITS rows over all attempts at the last pass; rank 0. None when rows were written twice
  /// or marked as failed afterwards, so that it must be taken from the file.
  [[nodiscard]] std::optional<std::uint32_t> fits_sum() const noexcept;

  /// Something beside partitions could not be done: a line for the end, and the exit code `incomplete`. Rank 0, before `publish`.
  void note_failure(const std::string& message);
  /// What `publish` asks before it begins: throws where the run is to stop, has lost its lock, or read inputs that have changed. For who
  /// gives names to files that are no products of the run. Rank 0.
  void require_publishable();
  /// Gives the products their final names.
  void publish(const std::vector<std::string>& products);
  /// Prints the table of where the time went, failures and `lines`; returns the exit code, `incomplete` when
  /// partitions failed.
  ExitCode finish(int threads, const std::string& lines);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skyfold
