#pragma once

#include "duckdb_session.hpp"

namespace skyfold::duckdb {

/// Adds the functions of the sky to a session: pixels and trixels, separations, searches as Q3C and ADQL call them.
void add_sky_functions(Session& session);

}  // namespace skyfold::duckdb
