#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skyfold {

/// Where a file of that name is: the links of its last component are followed, also one to a file that is not there yet.
/// Throws IoError for links in a circle.
[[nodiscard]] std::string link_target(const std::string& path);
/// The one form of a path, whether the file is there or not: absolute, without links and dots. What is compared between
/// attempts, or recorded, has this form.
[[nodiscard]] std::string canonical_form(const std::string& path);
/// The folder that a file of that name is in; "." for a bare name.
[[nodiscard]] std::string folder_of(const std::string& path);

/// A new, empty file in `folder` with a name that nobody can foresee: what is at that name already is never opened, nor is
/// a link followed. Throws IoError.
[[nodiscard]] std::string make_temporary(const std::string& folder);
/// The same for a folder.
[[nodiscard]] std::string make_temporary_folder(const std::string& folder);
/// Whether these give such names.
[[nodiscard]] bool is_temporary(std::string_view file_name) noexcept;

/// Throws UsageError when a pipe, a socket or a device is at the path of an input: these cannot be read by position, on every rank, and
/// again when a run is taken up.
/// @param option  "--input: ", for the message, or ""
void refuse_special_input(const std::string& path, const std::string& option = {});
/// Throws IoError when one is at the path of a product, which is a file that gets its name when it is complete.
void refuse_special_output(const std::string& path);

/// Returns when a file's bytes, or a folder's entries, are on the disk.
void sync_path(const std::string& path);
/// Gives a whole file its final name in one step, in place of what a link there points to. Throws IoError.
void put_in_place(const std::string& from, const std::string& path);
/// Writes a small file in one step, its bytes on the disk: readers see the old one or the new one. A link at `path` stays,
/// its target is replaced.
void write_durably(const std::string& path, std::string_view text);

/// Names of what is in a folder, in order. Throws IoError when it cannot be listed.
[[nodiscard]] std::vector<std::string> names_in(const std::string& folder);
/// The whole of a regular file; "" when there is none, or something else (a pipe would never end).
[[nodiscard]] std::string read_small_file(const std::string& path);

/// Path of a file that belongs to another, with a word before its ending: Z.pdf.h5 for Z.h5 and "pdf"; a path without
/// ending gets .h5.
[[nodiscard]] std::string path_beside(const std::string& path, const std::string& word);

}  // namespace skyfold
