// Puts the checksum of a pipeline's journal behind each line of standard input, so that tests in Python can write journals.
#include <iostream>
#include <string>

#include "skyfold/core/hash.hpp"

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << line << ' ' << skyfold::hex64(skyfold::hash_text(line)) << '\n';
}
