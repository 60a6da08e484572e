#include <fmt/core.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "product_log.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/products/gnuplot.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// A folder that goes away again.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((fs::temp_directory_path() / "skyfold.XXXXXX").string()) {
    if (!mkdtemp(path_.data())) throw IoError(path_ + ": cannot make a temporary folder");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::string data_block(const Series& series) {
  std::string text;
  const std::size_t rows = series.columns.empty() ? 0 : series.columns[0].size();
  for (std::size_t i = 0; i < rows; ++i) {
    for (const auto& column : series.columns) text += std::isfinite(column[i]) ? fmt::format("{:.6g} ", column[i]) : std::string("NaN ");
    text += '\n';
  }
  if (rows == 0) text = "NaN NaN NaN NaN\n";
  return text;
}

/// Commands that draw one plot to `path`.
std::string script_of(const Plot& plot, std::size_t number, const std::string& path) {
  std::string data, commands;
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const Series& series = plot.series[i];
    data += fmt::format("$plot{}_{} << EOD\n{}EOD\n", number, i, data_block(series));
    std::string columns;
    for (std::size_t k = 1; k <= std::max<std::size_t>(series.columns.size(), 2); ++k) columns += fmt::format("{}{}", k > 1 ? ":" : "", k);
    commands += fmt::format("{}$plot{}_{} using {} with {} {}", i > 0 ? ", " : "", number, i, columns, series.style,
                            series.title.empty() ? "notitle" : "title " + gnuplot_text(series.title));
  }
  return data + fmt::format(
                    "reset\nset terminal svg size 640,430 noenhanced font 'sans,12' background 'white'\nset output {}\nset grid lc rgb '#dddddd'\n"
                    "set title {}\nset xlabel {}\nset ylabel {}\nset style fill solid 0.4\n{}\nplot {}\nunset output\n",
                    gnuplot_text(path), gnuplot_text(plot.title), gnuplot_text(plot.x_label), gnuplot_text(plot.y_label), plot.settings, commands);
}

void draw_alone(const Plot& plot, const std::string& path) {
  try {
    run_gnuplot(script_of(plot, 0, path), path);
  } catch (const Error& error) {
    std::error_code ignored;
    fs::remove(path, ignored);
    log_warning(fmt::format("the plot {} of the product log is missing ({})", plot.name, error.what()));
  }
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<std::string> draw_plots(const std::vector<const Plot*>& plots) {
  std::vector<std::string> pictures(plots.size());
  if (plots.empty() || !has_gnuplot()) return pictures;
  const TemporaryFolder folder;
  const auto path = [&](std::size_t i) { return fmt::format("{}/{}.svg", folder.path(), i); };
  std::string all;
  for (std::size_t i = 0; i < plots.size(); ++i) all += script_of(*plots[i], i, path(i));
  try {
    run_gnuplot(all, path(plots.size() - 1));
  } catch (const Error&) {  // it stops at the first plot that it cannot draw
    for (std::size_t i = 0; i < plots.size(); ++i) draw_alone(*plots[i], path(i));
  }
  for (std::size_t i = 0; i < plots.size(); ++i) pictures[i] = text_of(path(i));
  return pictures;
}

}  // namespace skyfold
