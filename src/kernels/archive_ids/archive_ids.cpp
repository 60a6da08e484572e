// Ids of positions as the PHAT tables of the NOAO Data Lab have them, and random numbers of objects.
#include "skyfold/kernels/archive_ids/archive_ids.hpp"

#include <algorithm>

#include "skyfold/core/hash.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/htm.hpp"
#include "skyfold/sky/pixels.hpp"

namespace skyfold {
namespace {

constexpr int htm_level = 9, ring_order = 8, nested_order = 12;
// Another hash than that by which rows are joined and ordered: samples must not depend on those.
constexpr std::uint64_t random_id_salt = 0x72616e646f6d5f69ULL;

}  // namespace

const std::vector<std::string>& archive_id_sets() {
  static const std::vector<std::string> sets = {"phat"};
  return sets;
}

Schema archive_id_columns() {
  return {{"htm9", Type::i4, 1, "", "pos.HTM", "Hierarchical Triangular Mesh, level 9"},
          {"pix256", Type::i4, 1, "", "pos.healpix", "HEALPix index, NSide 256, RING"},
          {"pix4096", Type::i4, 1, "", "pos.healpix", "HEALPix index, NSide 4096, NESTED"},
          {"random_id", Type::f4, 1, "", "meta.code", "random number of the object's id in [0, 100)"}};
}

bool is_archive_id(const std::string& name) {
  return std::ranges::any_of(archive_id_columns(), [&](const ColumnInfo& column) { return column.name == name; });
}

float random_id_of(std::uint64_t hash) noexcept {
  // 24 bits: a float holds them all, and the largest does not become 100.
  return static_cast<float>(mix64(hash ^ random_id_salt) >> 40) * (100.0F / 16'777'216.0F);
}

float random_id_of(const Column& ids, std::size_t row) {
  return random_id_of(ids.info().type == Type::text ? hash_text(ids.text(row)) : static_cast<std::uint64_t>(ids.integer(row)));
}

void fill_archive_ids(const Column& ra, const Column& dec, const Column& keys, const Column& ids, Table& out) {
  static const Pixelisation ring(1L << ring_order);
  const auto key = keys.values<std::int64_t>();
  const auto fill = [&](const char* name, const auto& value_of) {
    if (out.find(name) == nullptr) return;
    const auto values = out.at(name).values<std::int32_t>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(value_of(i));
  };
  fill("htm9", [&](std::size_t i) { return htm_id({ra.values<double>()[i], dec.values<double>()[i]}, htm_level); });
  fill("pix256", [&](std::size_t i) { return ring.ring_of_nested(pixel_of(key[i], ring_order)); });
  fill("pix4096", [&](std::size_t i) { return pixel_of(key[i], nested_order); });
  if (out.find("random_id") == nullptr) return;
  const auto values = out.at("random_id").values<float>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = random_id_of(ids, i);
}

}  // namespace skyfold
