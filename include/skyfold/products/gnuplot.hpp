#pragma once

#include <string>

namespace skyfold {

[[nodiscard]] bool has_gnuplot();
/// Throws IoError when there is no gnuplot to draw with.
void require_gnuplot();
/// A text as gnuplot's scripts have it, in single quotes.
[[nodiscard]] std::string gnuplot_text(const std::string& text);
/// Lets gnuplot run a script that draws the file `path`. Throws IoError when it does not.
void run_gnuplot(const std::string& script, const std::string& path);

}  // namespace skyfold
