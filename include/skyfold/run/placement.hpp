#pragma once

#include <string>

namespace skyfold {

/// From now on `check_outputs` throws UsageError for products outside a folder; "": anywhere. For replays, whose options come
/// from a record.
void restrict_products(const std::string& folder);

/// While it lives products may be written anywhere: for the re-ordered copy of a catalogue, whose place nobody chooses.
class ProductsAnywhere {
 public:
  ProductsAnywhere();
  ~ProductsAnywhere();
  ProductsAnywhere(const ProductsAnywhere&) = delete;
  ProductsAnywhere& operator=(const ProductsAnywhere&) = delete;

 private:
  std::string before_;
};

}  // namespace skyfold
