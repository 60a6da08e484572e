#include "skyfold/cli/run.hpp"

int main(int argc, char** argv) { return skyfold::run_command(argc, argv); }
