// What the products commands share: finding the registry, and checking that a file is the product that was recorded.
#include "common.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "skyfold/core/error.hpp"
#include "skyfold/registry/content.hpp"

namespace skyfold {

namespace fs = std::filesystem;

void describe(OptionSet& option, ProjectOption& o) {
  option("project", o.folder, "folder of the registry, skyfold.db; empty: the nearest one above the product or the working folder")
      .layout();
}

Registry open_registry(const ProjectOption& o, const std::string& product) {
  if (!o.folder.empty()) return Registry(o.folder, true);
  const std::string folder = project_of(product.empty() || product.starts_with('#') ? (fs::current_path() / "x").string() : product);
  if (folder.empty())
    throw IoError(fmt::format("no registry of products (skyfold.db) in or above {} (name one with --project)",
                              product.empty() || product.starts_with('#') ? fs::current_path().string() : product));
  require_own_registry(folder);
  return Registry(folder, true);
}

std::pair<std::string, std::string> hashes_of(const std::string& path, int threads) {
  return {file_hash(path, threads), content_hash(path, true)};
}

void check_unchanged(const ProductRecord& product, int threads) {
  if (!fs::exists(product.path)) throw IoError(fmt::format("{}: is missing (product #{})", product.path, product.id));
  // Large files are not hashed when they are made: of them the size is all that can be compared.
  const auto bytes = static_cast<std::int64_t>(fs::file_size(product.path));
  if (product.file_hash.empty() && bytes != product.bytes)
    throw DataError(fmt::format("{}: has {} bytes, but was made with {} (product #{})", product.path, bytes, product.bytes, product.id));
  if (product.file_hash.empty() && product.content_hash.empty()) return;
  const auto [file, content] = hashes_of(product.path, threads);
  // The content first: other bytes with the same columns are a lesser matter, and have a message of their own.
  if (!product.content_hash.empty() && content != product.content_hash)
    throw DataError(fmt::format("{}: its content is {}, but it was made with {} (product #{})", product.path, content, product.content_hash,
                                product.id));
  if (!product.file_hash.empty() && file != product.file_hash)
    throw DataError(fmt::format("{}: the columns are those that were made, but other bytes of the file have changed (product #{})",
                                product.path, product.id));
}

}  // namespace skyfold
