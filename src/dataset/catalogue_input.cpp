// Which tables are catalogues, and how the columns of others are named: the same for all commands that go through a catalogue.
#include "skyfold/dataset/catalogue_input.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/input_names.hpp"

namespace skyfold {
namespace {

/// Products that have no row per object.
constexpr std::array<std::string_view, 3> without_objects = {product_class::photoz_model, product_class::photoz_pdf,
                                                             product_class::photoz_validation};

}  // namespace

void require_objects(const std::string& path, const Attributes& attributes) {
  const auto is = attributes.find("product_class");
  if (is != attributes.end() && std::ranges::find(without_objects, is->second) != without_objects.end())
    throw DataError(fmt::format("{}: a product of class {}, not a catalogue (it has no objects)", path, is->second));
}

void describe(OptionSet& option, CatalogueInput& o) {
  option("catalogue.ra", o.ra, "right ascension (ICRS) in a table that is no catalogue; empty: guessed").unit("degrees");
  option("catalogue.dec", o.dec, "its column of declination; empty: guessed").unit("degrees");
  option("catalogue.id", o.id, "its column of unique ids; empty: guessed, or made from the row numbers; none: made");
  option("catalogue.tile", o.tile, "its column of tile names; empty: guessed");
  describe(option, o.source);
}

void refuse_idle_columns(const CatalogueInput& in, const char* needs) {
  refuse_idle_options(needs, {{"catalogue.ra", !in.ra.empty()},
                              {"catalogue.dec", !in.dec.empty()},
                              {"catalogue.id", !in.id.empty()},
                              {"catalogue.tile", !in.tile.empty()}});
}

void remark_idle_source(const CatalogueInput& in) {
  SourceOptions given = in.source, by_default;
  OptionSet options, defaults;
  describe(options, given);
  describe(defaults, by_default);
  if (options.answer_options() != defaults.answer_options())
    log_info(fmt::format("input.* has no part in reading {}, which is a catalogue of skyfold", in.path));
}

bool is_plain_table(const CatalogueInput& in) {
  const std::string path = input_file(in.path);
  if (container_of(path) != Container::hdf5) return true;
  const Attributes attributes = read_attributes(path);
  require_objects(path, attributes);
  // Finished or not: what is wrong with one of our own is told by who opens it.
  if (!attributes.contains("skyfold_format")) return true;
  refuse_idle_columns(in, "a --catalogue that is no catalogue of skyfold: that has columns of its own");
  return false;
}

}  // namespace skyfold
