// The program: all that it does is in cli/run.cpp.
#include "skyfold/cli/run.hpp"
#include "skyfold/core/file.hpp"

int main(int argc, char** argv) {
  skyfold::open_standard_streams();  // before anything is opened
  return skyfold::run_command(argc, argv);
}
