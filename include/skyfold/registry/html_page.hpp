#pragma once

#include <string>

#include "skyfold/registry/process.hpp"

namespace skyfold {

/// The first bytes of every page, by which one of ours is known.
inline constexpr const char* html_page_start = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta name=\"generator\" content=\"skyfold\">";

/// A page that needs no other file and no network, in the looks of the product log: light and dark, on a phone and on a wide screen.
/// @param title, sub  texts
/// @param body        HTML
/// @param head        more of it, for the head
[[nodiscard]] std::string html_page(const std::string& title, const std::string& sub, const std::string& body,
                                    const std::string& head = {});
/// A table, its numbers to the right, in a frame that scrolls where it is too wide.
[[nodiscard]] std::string html_table(const LogTable& table);

}  // namespace skyfold
