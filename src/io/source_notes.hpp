#pragma once

#include <string>

namespace skyfold {

/// Logs what was decided about an input, once however often the input is opened.
void note_once(const std::string& message);

}  // namespace skyfold
