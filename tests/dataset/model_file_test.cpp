#include "skyfold/dataset/model_file.hpp"

#include <gtest/gtest.h>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"

namespace skyfold {
namespace {

using testing_support::Folder;

TEST(FileIdentity, IsTheHashOfTheBytes) {
  const Folder folder;
  const std::string path = folder.file("a", "some bytes");
  EXPECT_EQ(file_identity(path), hex64(hash_text("some bytes")));
}

TEST(FileIdentity, OfAFileThatCannotBeReadIsAnErrorThatNamesIt) {
  const Folder folder;
  for (const std::string& path : {folder.file("none"), std::string("/proc/self/mem"), std::string("/proc")}) {
    try {
      (void)file_identity(path);
      FAIL() << path << " has an identity";
    } catch (const IoError& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace skyfold
