#include "skyfold/stages/replay_folder.hpp"

#include "skyfold/products/placement.hpp"

namespace skyfold {

void keep_products_within(const std::string& folder) { restrict_products(folder); }

}  // namespace skyfold
