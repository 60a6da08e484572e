#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// What one picture is drawn by.
struct GnuplotScript {
  int width = 640, height = 430;  ///< pixels
  int font_size = 12;
  std::string commands;  ///< written by skyfold alone: foreign text enters through `gnuplot_text` only, file names never
};

[[nodiscard]] bool has_gnuplot();
/// Throws IoError when there is no gnuplot to draw with.
void require_gnuplot();
/// A text as gnuplot's scripts have it: in single quotes, within which gnuplot substitutes nothing; an apostrophe becomes a
/// typographic one, since gnuplot misreads a doubled quote at the beginning; as UTF-8 without control characters.
[[nodiscard]] std::string gnuplot_text(const std::string& text);
/// Draws pictures with one gnuplot; returns them as SVG. Text is set as it is, without markup. gnuplot is started without a
/// shell and without the user's settings, and writes to memory. Throws IoError with gnuplot's words when one cannot be drawn.
[[nodiscard]] std::vector<std::string> draw_svg(const std::vector<GnuplotScript>& scripts);
/// Draws one as the file `path`, which appears whole or not at all.
void draw_svg(const GnuplotScript& script, const std::string& path);
/// The same as PNG, of twice as many pixels.
void draw_png(const GnuplotScript& script, const std::string& path);

}  // namespace skyfold
