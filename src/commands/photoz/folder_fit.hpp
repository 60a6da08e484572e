#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "folder_tables.hpp"
#include "models.hpp"
#include "pdf_file.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/dataset/survey_preset.hpp"
#include "skyfold/table/expression.hpp"

namespace skyfold {

/// Models on tables with the same columns.
struct FolderFit {
  std::vector<FittedModel> models;  ///< without their tables
  std::optional<Consensus> consensus;
  Schema read;                       ///< all that is read of the table, each column once
  std::vector<CopiedColumn> copied;  ///< what goes into the product
  bool has_row = false;              ///< the product has a column `row`, as the table has no ids
  Schema product;                    ///< columns of the product
  PdfCopies pdf_copies;              ///< of the files of PDFs
  std::optional<Condition> where, pdf_where;
  std::vector<std::string> lines;  ///< to be said

  /// Columns of the table that a model reads.
  [[nodiscard]] static std::vector<std::string> needs(const FittedModel& model);
};

/// What the user says, the same for all tables of a folder.
struct FolderAsked {
  const ModelOptions& models;
  const OptionSet& options;
  const ModelBandOptions& bands;
  const TakenSurvey& survey;
  std::string where, pdf_where;
};

/// Fits models to tables; a kernel, which may be large, is made once for all that call their photometry the same.
class FolderFits {
 public:
  FolderFits(const FolderAsked& asked, std::vector<NamedModel> named) : asked_(asked), named_(std::move(named)) {}
  /// Throws UsageError or DataError for a table that the models cannot be used on.
  [[nodiscard]] std::shared_ptr<const FolderFit> fit(const std::string& path, const FolderTable& table);

 private:
  [[nodiscard]] FolderFit fitted(const std::string& path, const FolderTable& table);

  FolderAsked asked_;
  std::vector<NamedModel> named_;
  MadeKernels kernels_;
  std::map<std::string, std::shared_ptr<const FolderFit>> fits_;  ///< by schema
};

}  // namespace skyfold
