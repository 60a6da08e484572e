#pragma once

namespace skyfold {

/// Runs `skyfold COMMAND OPTIONS...`: prints errors as one line on stderr and returns the exit code.
int run_command(int argc, char** argv);

}  // namespace skyfold
