// Both databases speak through one interface; here SQLite behind it: values as they were, all changes of a transaction or none.
#include "skyfold/registry/sql_connection.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "../support.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

using testing_support::Folder;

class SqlConnectionTest : public testing::Test {
 protected:
  SqlConnectionTest() { sql_->run("CREATE TABLE t (id BIGINT PRIMARY KEY, x DOUBLE PRECISION, name TEXT)"); }
  std::vector<SqlRow> rows() { return sql_->run("SELECT id, x, name FROM t ORDER BY id"); }

  Folder folder_;
  std::unique_ptr<SqlConnection> sql_ = open_database(folder_.file("a.sqlite"));
};

TEST_F(SqlConnectionTest, ValuesComeBackAsTheyWere) {
  const std::vector<SqlRow> given = {
      {std::numeric_limits<std::int64_t>::min(), 0.1, "it's \"quoted\"; DROP TABLE t; -- $1 %"},
      {std::int64_t{0}, -std::numeric_limits<double>::denorm_min(), "tab\tline\nback\\slash \xc3\xbc"},
      {std::int64_t{1}, SqlValue(), SqlValue()},
      {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<double>::max(), ""},
  };
  {
    SqlTransaction transaction(*sql_);
    sql_->insert("t", {"id", "x", "name"}, given);
    transaction.commit();
  }
  EXPECT_EQ(rows(), given);
  for (const SqlRow& row : given)
    if (std::holds_alternative<std::string>(row[2])) {
      EXPECT_EQ(sql_->run("SELECT id FROM t WHERE name = $1", {row[2]}), std::vector<SqlRow>({{row[0]}}));
    }
  EXPECT_EQ(sql_->run("SELECT id FROM t WHERE name IS NULL").size(), 1U);
}

TEST_F(SqlConnectionTest, AParameterMayBeNullAndAStatementMayRunForManyRows) {
  std::vector<SqlRow> many;
  for (std::int64_t i = 0; i < 3000; ++i) {
    many.emplace_back(3);
    many.back()[0] = i;
    if (i % 3 != 0) many.back()[1] = 0.5 * static_cast<double>(i);
  }
  SqlTransaction transaction(*sql_);
  sql_->insert("t", {"id", "x", "name"}, many);
  sql_->insert("t", {"id"}, {});
  sql_->run("UPDATE t SET name = $1 WHERE id < $2", {SqlValue(), std::int64_t{10}});
  transaction.commit();
  EXPECT_EQ(rows(), many);
  EXPECT_EQ(sql_integer(sql_->run("SELECT count(*) FROM t WHERE x IS NULL")[0][0]), 1000);
}

TEST_F(SqlConnectionTest, ATransactionThatIsLeftOrFailsChangesNothing) {
  sql_->run("INSERT INTO t (id, name) VALUES ($1, $2)", {std::int64_t{1}, "first"});
  {
    SqlTransaction left(*sql_);
    sql_->insert("t", {"id", "name"}, {{std::int64_t{2}, "second"}});
    EXPECT_EQ(rows().size(), 2U);
  }
  EXPECT_EQ(rows().size(), 1U);
  try {
    SqlTransaction fails(*sql_);
    sql_->insert("t", {"id", "name"}, {{std::int64_t{3}, "third"}, {std::int64_t{1}, "twice"}});
    fails.commit();
    FAIL() << "a primary key stands twice";
  } catch (const IoError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with(sql_->name() + ": ")) << error.what();
  }
  EXPECT_EQ(sql_->run("SELECT name FROM t"), std::vector<SqlRow>({{"first"}}));
  // And the connection goes on.
  SqlTransaction again(*sql_);
  sql_->insert("t", {"id", "name"}, {{std::int64_t{4}, "fourth"}});
  again.commit();
  EXPECT_EQ(rows().size(), 2U);
}

TEST_F(SqlConnectionTest, TablesAreThereOrNot) {
  EXPECT_TRUE(sql_->has_table("t"));
  EXPECT_FALSE(sql_->has_table("t'; --"));
  EXPECT_THROW((void)sql_->run("SELECT y FROM t"), IoError);
}

TEST(OpenDatabase, DamageAndWhatIsNotThereAreTold) {
  const Folder folder;
  const std::string path = folder.file("a.sqlite");
  EXPECT_THROW((void)open_database(path, true), IoError);
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    const auto sql = open_database(path);
    sql->run("CREATE TABLE t (id BIGINT, name TEXT)");
    SqlTransaction transaction(*sql);
    sql->insert("t", {"id", "name"}, std::vector<SqlRow>(200, {std::int64_t{1}, std::string(500, 'x')}));
    transaction.commit();
  }
  const auto read = [&] { return open_database(path, true)->run("SELECT * FROM t"); };
  EXPECT_EQ(read().size(), 200U);
  std::filesystem::resize_file(path, 5000);
  EXPECT_THROW((void)read(), DataError);
  std::ofstream(path) << std::string(10'000, '?');
  EXPECT_THROW((void)read(), DataError);
  EXPECT_THROW((void)open_database("mysql://x"), UsageError);
}

TEST(SqlValues, AreReadAsNumbersAndTexts) {
  EXPECT_EQ(sql_integer(SqlValue()), 0);
  EXPECT_EQ(sql_integer(SqlValue("17")), 17);
  EXPECT_EQ(sql_text(SqlValue()), "");
  EXPECT_EQ(sql_text(SqlValue(0.1)), "0.1");
  EXPECT_EQ(without_password("postgresql://ada:se:cret@host:5432/x"), "postgresql://ada@host:5432/x");
  EXPECT_EQ(without_password("postgresql://ada@host/x?password=secret&a=b"), "postgresql://ada@host/x?password=...&a=b");
  EXPECT_EQ(without_password("postgresql://host:5432/x"), "postgresql://host:5432/x");
}

}  // namespace
}  // namespace skyfold
