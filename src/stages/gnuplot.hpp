#pragma once

#include <string>

namespace skyfold {

/// Throws IoError when there is no gnuplot to draw with.
void require_gnuplot();
/// Lets gnuplot run a script that draws the file `path`. Throws IoError when it does not.
void run_gnuplot(const std::string& script, const std::string& path);

}  // namespace skyfold
