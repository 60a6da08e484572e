#pragma once

#include <string>
#include <vector>

#include "archive.hpp"

namespace skyfold {

/// A line for each file that has failed, or waits for one that has.
[[nodiscard]] std::vector<std::string> failures_of(const Archive& archive);
/// Chunks, use cases, files, failures and who works on them, for people.
[[nodiscard]] std::string status_text(const Archive& archive, const std::string& writer, const std::string& extractor);
/// Freezes an archive. Throws DataError for one that is not complete.
void release(Archive& archive);
/// Makes no previews of what waits for them.
void leave_out_previews(Archive& archive);
/// Makes files wait again that have failed but are not damaged, and what was blocked by them.
void retry_failed(Archive& archive);
/// Reads all that is archived, and the files it was made from, and compares hashes; a line for each that differs, in canonical order.
[[nodiscard]] std::vector<std::string> verify_archive(const Archive& archive, int threads);

}  // namespace skyfold
