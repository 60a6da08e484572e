#pragma once

#include <mpi.h>

#include "skyfold/farm/ranks.hpp"

namespace skyfold {

struct Ranks::Handle {
  MPI_Comm communicator = MPI_COMM_WORLD;
  bool has_lost_ranks = false;
};

}  // namespace skyfold
