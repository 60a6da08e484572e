// Which products of a run are compressed, and where the copies lie.
#include "packing.hpp"

#include <algorithm>
#include <filesystem>

#include "skyfold/catalogue/pack.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/packed_file.hpp"
#include "skyfold/registry/content.hpp"
#include "skyfold/run/folder.hpp"

namespace skyfold {

namespace fs = std::filesystem;

void remove_packed(const std::string& output, const std::vector<std::string>& products) {
  for (const std::string& product : products)
    if (std::error_code absent; fs::exists(packed_path(output, product), absent)) remove_file(packed_path(output, product));
}

void pack_products(const Ranks& ranks, const std::string& output, const std::vector<std::string>& products, const std::string& compress) {
  for (const std::string& product : products) {
    const std::string path = partial_path(output, product), packed = packed_path(output, product);
    const std::string is_wanted = ranks.on_first(
        [&] { return std::string(compress != name_of(Compression::none) && container_of(path) == Container::hdf5 ? "yes" : ""); });
    if (!is_wanted.empty()) pack_product(ranks, path, packed, compression_named(compress));
  }
}

bool are_stored_as(const std::vector<ProductState>& products, const std::string& compress) {
  return std::ranges::all_of(products, [&](const ProductState& product) {
    std::error_code error;
    return !fs::exists(product.path, error) || container_of(product.path) != Container::hdf5 ||
           compression_of_product(product.path) == compress;
  });
}

}  // namespace skyfold
