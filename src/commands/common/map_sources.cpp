// Which columns of a table are the positions and names of sources on maps, for patch and map cut.
#include "map_sources.hpp"

#include "skyfold/core/error.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {

RolesAsked asked_of_sources(const std::string& path, const std::string& lon, const std::string& lat, const std::string& frame,
                            const std::string& id) {
  if (lon.empty() != lat.empty()) throw UsageError("give both --columns.lon and --columns.lat, or none");
  RolesAsked asked{.path = path,
                   .lon = RoleAsked{"columns.lon", lon},
                   .lat = RoleAsked{"columns.lat", lat},
                   .frame_option = "columns.frame",
                   .id = RoleAsked{"columns.id", id, false},
                   .id_names = known_columns::source_name};
  if (!frame.empty()) asked.frame = frame_named(frame);
  return asked;
}

}  // namespace skyfold
