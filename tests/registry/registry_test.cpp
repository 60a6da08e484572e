#include "skyfold/registry/registry.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/registry/lineage.hpp"

namespace skyfold {
using testing_support::Folder;

namespace {

std::string host() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

ProcessRecord process(const std::string& command) {
  ProcessRecord p;
  p.command = command;
  p.version = "0.1.0";
  p.host = host();
  p.user = "ada";
  p.pid = getpid();
  p.seed = 7;
  p.start_s = 1000.0;
  return p;
}

ProductRecord product(const std::string& path, const std::string& product_class, const std::string& hash) {
  ProductRecord record;
  record.path = path;
  record.product_class = product_class;
  record.rows = 12;
  record.bytes = 345;
  record.content_hash = hash;
  record.file_hash = "f" + hash;
  record.made_s = 1001.0;
  return record;
}

/// A whole process.
std::int64_t made(Registry& registry, const std::string& command, const std::vector<InputRecord>& inputs,
                  const std::vector<ProductRecord>& products) {
  ProcessRecord p = process(command);
  p.id = registry.begin(p);
  p.state = "done";
  p.end_s = 1002.0;
  registry.end(p, inputs, products);
  return p.id;
}

TEST(Registry, KeepsWhatItIsTold) {
  const Folder folder;
  {
    Registry registry(folder.path());
    ProcessRecord p = process("train");
    p.configuration = "sample = it's \"quoted\"\n";
    p.facts = {{"objects", "10,225"}, {"bands", "u,g"}};
    p.id = registry.begin(p);
    EXPECT_EQ(registry.process(p.id).state, "running");
    p.state = "done";
    p.exit_code = 0;
    p.end_s = 1500.5;
    registry.end(p, {{"/data/spec.h5", "training_set", "aa", "bb", 0}}, {product("/data/m.h5", "photoz_model", "cc")});
  }
  Registry registry(folder.path(), true);
  const ProductRecord model = registry.product("/data/m.h5");
  EXPECT_EQ(model.product_class, "photoz_model");
  EXPECT_EQ(model.rows, 12);
  EXPECT_EQ(model.content_hash, "cc");
  EXPECT_EQ(registry.product("#" + std::to_string(model.id)).path, "/data/m.h5");
  const ProcessRecord p = registry.process(model.process);
  EXPECT_EQ(p.state, "done");
  EXPECT_EQ(p.configuration, "sample = it's \"quoted\"\n");
  EXPECT_EQ(p.facts, (std::vector<std::pair<std::string, std::string>>{{"objects", "10,225"}, {"bands", "u,g"}}));
  EXPECT_DOUBLE_EQ(p.end_s, 1500.5);
  ASSERT_EQ(registry.inputs(p.id).size(), 1U);
  EXPECT_EQ(registry.inputs(p.id)[0].content_hash, "bb");
}

TEST(Registry, LinksInputsToTheProductsThatWereCurrentThen) {
  const Folder folder;
  Registry registry(folder.path());
  made(registry, "spec", {}, {product("/d/spec.h5", "spectroscopic_sample", "1")});
  const std::int64_t train = made(registry, "train", {{"/d/spec.h5", "", "", "1", 0}}, {product("/d/m.h5", "photoz_model", "2")});
  made(registry, "spec", {}, {product("/d/spec.h5", "spectroscopic_sample", "3")});
  EXPECT_EQ(registry.inputs(train)[0].product, 1);
  EXPECT_FALSE(registry.product("#1").is_current);
  EXPECT_EQ(registry.product("/d/spec.h5").content_hash, "3");
  const std::vector<std::string> lines = lineage(registry, {registry.product("/d/m.h5")});
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_NE(lines[2].find("    /d/spec.h5 [spectroscopic_sample] #1"), std::string::npos);
}

TEST(Registry, LinksNoFileThatOnlyClaimsToHoldTheContent) {
  const Folder folder;
  Registry registry(folder.path());
  made(registry, "spec", {}, {product("/d/spec.h5", "spectroscopic_sample", "1")});  // file hash "f1"
  const std::int64_t train =
      made(registry, "train",
           {{"/d/spec.h5", "spectroscopic_sample", "other", "1", 0}, {"/d/spec.h5", "", "f1", "other", 0}, {"/d/spec.h5", "", "", "", 0}},
           {product("/d/m.h5", "photoz_model", "2")});
  const std::vector<InputRecord> inputs = registry.inputs(train);
  EXPECT_EQ(inputs[0].product, 0);  // damaged, its fingerprint attribute untouched
  EXPECT_EQ(inputs[1].product, 1);
  EXPECT_EQ(inputs[2].product, 0);
}

TEST(Registry, TellsProcessesThatWereKilled) {
  const Folder folder;
  Registry registry(folder.path());
  const pid_t child = fork();
  if (child == 0) {
    ProcessRecord p = process("photoz");
    (void)Registry(folder.path()).begin(p);
    _exit(0);  // without an end
  }
  waitpid(child, nullptr, 0);
  ASSERT_EQ(registry.processes().size(), 1U);
  EXPECT_EQ(registry.processes()[0].state, "lost");
  made(registry, "photoz", {}, {product("/d/z.h5", "photoz", "1")});
  EXPECT_EQ(registry.processes()[0].state, "lost");
  EXPECT_EQ(registry.processes()[1].state, "done");
}

TEST(Registry, TakesRecordsOfManyProcessesAtOnce) {
  const Folder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    for (int k = 0; k < 10; ++k) {
      Registry registry(folder.path());
      made(registry, "import", {}, {product("/d/" + std::to_string(10 * i + k), "catalogue", "1")});
    }
    _exit(0);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(Registry(folder.path()).products().size(), 40U);
}

TEST(Registry, SavesDropsAndComments) {
  const Folder folder;
  Registry registry(folder.path());
  made(registry, "photoz", {}, {product("/d/z.h5", "photoz", "1")});
  registry.set_saved(1, true);
  registry.comment(1, {5.0, "ada", "good seeing only"});
  EXPECT_TRUE(registry.product("#1").is_saved);
  EXPECT_EQ(registry.comments(1)[0].text, "good seeing only");
  registry.set_dropped(1);
  EXPECT_FALSE(registry.product("#1").is_current);
}

TEST(Registry, SaysWhatIsWrong) {
  const Folder folder;
  EXPECT_THROW(Registry(folder.path(), true), IoError);
  EXPECT_THROW(Registry(folder.path() + "/absent"), IoError);
  std::ofstream(folder.file("skyfold.db")) << "this is no database, but long enough to be taken for one by its size alone ..............";
  EXPECT_THROW(Registry(folder.path()), DataError);
  const Folder other;
  Registry registry(other.path());
  EXPECT_THROW((void)registry.product("/d/none.h5"), UsageError);
  EXPECT_THROW((void)registry.product("#99"), UsageError);
}

TEST(ProjectOf, IsTheNearestFolderAbove) {
  const Folder folder;
  std::filesystem::create_directories(folder.path() + "/a/b");
  EXPECT_EQ(project_of(folder.path() + "/a/b/z.h5"), "");
  const Registry outer(folder.path());
  EXPECT_EQ(project_of(folder.path() + "/a/b/z.h5"), std::filesystem::canonical(folder.path()).string());
  const Registry inner(folder.path() + "/a");
  EXPECT_EQ(project_of(folder.path() + "/a/b/z.h5"), std::filesystem::canonical(folder.path() + "/a").string());
}

TEST(ProvJson, HasTheWholeChainWithItsRelations) {
  const Folder folder;
  Registry registry(folder.path());
  made(registry, "spec", {{"/d/raw.fits", "", "77", "", 0}}, {product("/d/spec.h5", "spectroscopic_sample", "1")});
  made(registry, "train", {{"/d/spec.h5", "spectroscopic_sample", "", "1", 0}}, {product("/d/m.h5", "photoz_model", "2")});
  const auto json = nlohmann::json::parse(prov_json(registry, registry.product("/d/m.h5")));
  EXPECT_EQ(json["entity"].size(), 3U);
  EXPECT_EQ(json["activity"].size(), 2U);
  EXPECT_EQ(json["used"].size(), 2U);
  EXPECT_EQ(json["wasGeneratedBy"].size(), 2U);
  for (const auto& [name, used] : json["used"].items()) {
    EXPECT_TRUE(json["entity"].contains(used["prov:entity"].get<std::string>())) << name;
    EXPECT_TRUE(json["activity"].contains(used["prov:activity"].get<std::string>())) << name;
  }
}

}  // namespace
}  // namespace skyfold
