#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skyfold {

/// A file that was made.
struct ProductFile {
  std::string name;  ///< in the folder of products
  std::int64_t bytes = 0;
};
/// What became of one file.
struct FolderEntry {
  std::string input;                   ///< its place in the tree
  std::string hash;                    ///< of its bytes; "" where it could not be read
  std::string problem;                 ///< why it has no product; "" for none
  std::int64_t rows = 0, objects = 0;  ///< of the file; of its product
  std::vector<ProductFile> products;   ///< the product first, then its files of PDFs
};

/// The file that a folder of products has about them: which file gave which product, and by what.
struct FolderManifest {
  std::string run;  ///< hash of all that decides the products, beside the inputs
  std::vector<FolderEntry> files;
};
/// Equal for equal products.
[[nodiscard]] std::string manifest_text(const FolderManifest& manifest);
/// Throws IoError for a text of a file that is none.
[[nodiscard]] FolderManifest folder_manifest_from(const std::string& text, const std::string& path);
/// Nothing where there is none. Throws IoError for a file of that name that is something else.
[[nodiscard]] std::optional<FolderManifest> read_folder_manifest(const std::string& path);

}  // namespace skyfold
