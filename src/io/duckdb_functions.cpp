// Functions of the sky in SQL: numbers of pixels by ours, separations as macros, which DuckDB calculates by itself.
#include "duckdb_functions.hpp"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "duckdb_api.hpp"
#include "duckdb_vectors.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/htm.hpp"
#include "skyfold/sky/pixels.hpp"

namespace skyfold::duckdb {
namespace {

constexpr int bigint = 5, double_precision = 11;  // numbers of duckdb_type

/// A function of a whole number and a position. Its result is NULL where it throws no error and gives a negative number.
using PixelFunction = std::int64_t (*)(std::int64_t number, Position position);

std::int64_t nested_pixel(std::int64_t nside, Position position) {
  return pixel_of(healpix29(position), order_of_nside(static_cast<long>(nside)));
}
std::int64_t ring_pixel(std::int64_t nside, Position position) {
  // The number by its own formulas; those of the pixelisation need no table.
  static thread_local Pixelisation pixels(1);
  if (pixels.nside() != nside) pixels = Pixelisation(static_cast<long>(nside));
  if (!pixels.has_nested()) return pixels.ring_pixel_at(angles_of(position.ra, position.dec));
  return pixels.ring_of_nested(nested_pixel(nside, position));
}
std::int64_t trixel(std::int64_t level, Position position) {
  if (level < 0 || level > max_htm_level) throw UsageError("htm(" + std::to_string(level) + ", ...): levels are 0 to 20");
  return htm_id(position, static_cast<int>(level));
}

template <PixelFunction function>
void call(Handle info, Handle input, Handle output) {
  const Api& api = library();
  static const auto set_error = reinterpret_cast<void (*)(Handle, const char*)>(library_function("duckdb_scalar_function_set_error"));
  try {
    const Count rows = api.data_chunk_get_size(input);
    const Handle vectors[] = {api.data_chunk_get_vector(input, 0), api.data_chunk_get_vector(input, 1),
                              api.data_chunk_get_vector(input, 2)};
    const auto* numbers = static_cast<const std::int64_t*>(api.vector_get_data(vectors[0]));
    const auto* ra = static_cast<const double*>(api.vector_get_data(vectors[1]));
    const auto* dec = static_cast<const double*>(api.vector_get_data(vectors[2]));
    auto* out = static_cast<std::int64_t*>(api.vector_get_data(output));
    NullRows nulls(output);
    const auto is_there = [&](Count row) {
      for (const Handle vector : vectors)
        if (!is_valid(api.vector_get_validity(vector), row)) return false;
      return is_valid(Position{ra[row], dec[row]});
    };
    for (Count row = 0; row < rows; ++row)
      if (is_there(row))
        out[row] = function(numbers[row], {ra[row], dec[row]});
      else
        nulls.add(row);  // what has no position has no pixel
  } catch (const std::exception& error) {
    set_error(info, error.what());
  }
}

void add_function(Session& session, const char* name, void (*function)(Handle, Handle, Handle)) {
  const Api& api = library();
  const auto create = reinterpret_cast<Handle (*)()>(library_function("duckdb_create_scalar_function"));
  const auto set_name = reinterpret_cast<void (*)(Handle, const char*)>(library_function("duckdb_scalar_function_set_name"));
  const auto add_parameter = reinterpret_cast<void (*)(Handle, Handle)>(library_function("duckdb_scalar_function_add_parameter"));
  const auto set_return = reinterpret_cast<void (*)(Handle, Handle)>(library_function("duckdb_scalar_function_set_return_type"));
  const auto set_function =
      reinterpret_cast<void (*)(Handle, void (*)(Handle, Handle, Handle))>(library_function("duckdb_scalar_function_set_function"));
  const auto add = reinterpret_cast<State (*)(Handle, Handle)>(library_function("duckdb_register_scalar_function"));
  const auto destroy = reinterpret_cast<void (*)(Handle*)>(library_function("duckdb_destroy_scalar_function"));
  Handle made = create(), whole = api.create_logical_type(bigint), real = api.create_logical_type(double_precision);
  set_name(made, name);
  for (const Handle type : {whole, real, real}) add_parameter(made, type);
  set_return(made, whole);
  set_function(made, function);
  const State state = add(session.connection(), made);
  destroy(&made);
  api.destroy_logical_type(&whole);
  api.destroy_logical_type(&real);
  if (state != success) throw IoError(std::string("DuckDB does not take the function ") + name);
}

/// Half the chord squared, by differences: exact for small separations (Q3C's q3c_sindist, Koposov & Bartunov 2006).
// No parameter is called dec, which DuckDB takes for a type.
constexpr const char* half_chord =
    "CREATE MACRO q3c_sindist(a1, d1, a2, d2) AS pow(sin(radians(d1 - d2) / 2), 2) + "
    "cos(radians(d1)) * cos(radians(d2)) * pow(sin(radians(a1 - a2) / 2), 2)";
constexpr const char* macros[] = {
    half_chord,
    "CREATE MACRO angsep(a1, d1, a2, d2) AS 2 * degrees(asin(least(1.0, sqrt(q3c_sindist(a1, d1, a2, d2)))))",
    "CREATE MACRO q3c_dist(a1, d1, a2, d2) AS angsep(a1, d1, a2, d2)",
    // Strictly less, as Q3C has it; a radius of 180 and more is all of the sky.
    "CREATE MACRO q3c_radial_query(a, d, a0, d0, r) AS r >= 180 OR (r > 0 AND q3c_sindist(a, d, a0, d0) < pow(sin(radians(r) / 2), 2))",
    "CREATE MACRO q3c_join(a1, d1, a2, d2, r) AS q3c_radial_query(a2, d2, a1, d1, r)",
};

}  // namespace

void add_sky_functions(Session& session) {
  add_function(session, "pix", call<nested_pixel>);
  add_function(session, "pix_ring", call<ring_pixel>);
  add_function(session, "htm", call<trixel>);
  for (const char* macro : macros) session.run(macro);
}

}  // namespace skyfold::duckdb
