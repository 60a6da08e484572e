#pragma once

#include <string>
#include <vector>

namespace skyfold {

/// A file that is estimated by itself.
struct FolderFile {
  std::string path;   ///< by which it is opened; may have a selection in brackets
  std::string place;  ///< in its tree: "a/b.parquet"
  std::string stem;   ///< of the names of its products, in their tree: "a/b"
};

/// Files that one command estimates, in the order of their places.
struct FolderListing {
  std::string root;                   ///< folder of their tree
  bool is_walked = false;             ///< all tables of a folder, whatever they are called
  std::vector<FolderFile> files;      ///< at least one
  std::vector<std::string> left_out;  ///< places in the folder that are no tables by their endings
};
/// Files that a word names: those of a folder and of the folders below it, those that a pattern of the shell matches, those of a list
/// (`@files.txt`, or a file that ends in .lst or .txt: a path a line), or one file.
///
/// Throws UsageError for a word that names no table, IoError for one that is not there, or a folder that cannot be read.
[[nodiscard]] FolderListing list_folder_files(const std::string& asked);

/// Throws UsageError where products of two files would have one name, or where they would lie among the inputs.
/// @param endings  of the products of each file: ".hdf5", ".pdf.hdf5"
void check_folder_outputs(const FolderListing& listing, const std::string& output, const std::vector<std::string>& endings);

}  // namespace skyfold
