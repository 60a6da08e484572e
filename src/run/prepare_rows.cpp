// Lays out a product that has a row for each row of a catalogue, and takes over the rows of an earlier attempt.
#include "skyfold/run/prepare_rows.hpp"

namespace skyfold {

void prepare_product(Run& run, const Ranks& ranks, const RowProduct& product, const std::string& final_path,
                     const std::string& extension_name, const EachText& texts, const std::function<void()>& more) {
  run.lay_out([&] {
    create_product(product, extension_name, texts);
    if (more) more();
    if (const std::string earlier = run.earlier(final_path); !earlier.empty()) take_rows(earlier, product.rows, "/object");
  });
  ranks.on_first_only([&] {  // here already: what is wrong with it shows before the work
    if (!product.fits.empty() && !product.is_fits_along) create_product_fits(product, extension_name, texts);
  });
}

}  // namespace skyfold
