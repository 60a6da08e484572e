#pragma once

#include <mpi.h>

namespace skyfold::testing_support {

/// Starts MPI at the first call; it ends with the program. A unit test needs no launcher for that.
inline void start_mpi() {
  struct Session {
    Session() { MPI_Init(nullptr, nullptr); }
    ~Session() { MPI_Finalize(); }
  };
  static const Session session;
}

}  // namespace skyfold::testing_support
