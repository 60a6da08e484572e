#pragma once

#include <string>

namespace skyfold {

/// Lets no product of this process be written outside a folder; "": anywhere.
void keep_products_within(const std::string& folder);

}  // namespace skyfold
