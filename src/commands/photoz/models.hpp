#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skyfold/dataset/model_photometry.hpp"
#include "skyfold/kernels/photoz/columns.hpp"
#include "skyfold/kernels/photoz/consensus.hpp"

namespace skyfold {

/// The models of a run and what becomes of their estimates.
struct ModelOptions {
  std::vector<std::string> paths;
  std::vector<std::string> prefixes;  ///< one for each model; empty: their algorithms, where one is needed
  std::string columns = "skyfold";
  PdfOptions pdf = pdf_by_model();
  double seed = 1.0;
  std::string ancil = "all";  ///< what files of PDFs tell beside them: all or ids
  std::string consensus = "inverse-variance";
  double consensus_sigmas = 2.0;
};
void describe(OptionSet& option, ModelOptions& o);

/// What is known of a model before its catalogue: names, and where its PDFs go.
struct NamedModel {
  std::string path, algorithm;
  std::string name;      ///< of its columns and its file of PDFs; "" for a model alone
  std::string pdf_path;  ///< "" for none
};
/// Looks at the models' attributes alone. Throws UsageError for names that cannot be told apart, or that no column can have, and for a
/// form that takes one model.
[[nodiscard]] std::vector<NamedModel> name_models(const ModelOptions& o, const std::string& output);

/// A model that is ready to estimate objects of a table.
struct FittedModel {
  NamedModel named;
  PhotozModel model;
  PdfOptions pdf;  ///< what its PDFs are like
  std::shared_ptr<const Kernel> kernel;
  Corrections corrections;
  std::vector<std::string> lines;  ///< to be said

  [[nodiscard]] std::string column(const std::string& name) const { return named.name.empty() ? name : named.name + "_" + name; }
  /// Columns that go into the product.
  [[nodiscard]] Schema visible() const;
  /// "m.h5 (dnf), bands g,r,i"
  [[nodiscard]] std::string summary() const;
};
/// Kernels by all that they are made of, with what their PDFs are like: they may be large, and tables may share them.
using MadeKernels = std::map<std::string, std::pair<std::shared_ptr<const Kernel>, PdfOptions>>;
/// @param id    column of ids, "" where the table has none
/// @param made  kernels that may be used again; null: a new one
/// Throws UsageError where model, table and options do not fit.
[[nodiscard]] FittedModel fit_model(const ModelOptions& o, const OptionSet& given, const ModelBandOptions& bands, const NamedModel& named,
                                    const PhotometricTable& table, const std::string& id, MadeKernels* made = nullptr);

/// What several models say together, if it is asked for; nothing of one model.
[[nodiscard]] std::optional<Consensus> consensus_of(const ModelOptions& o, const std::vector<NamedModel>& models);

/// A column of the catalogue that goes into the product, perhaps under another name or as another type of number.
struct CopiedColumn {
  std::string from;
  ColumnInfo as;
};
/// Those that identify an object and its place, as the form has them.
[[nodiscard]] std::vector<CopiedColumn> copied_columns(const std::string& columns, const struct CatalogueLayout& layout,
                                                       const std::string& path);

}  // namespace skyfold
