#include "product_log.hpp"

#include <gtest/gtest.h>

#include <set>

#include "../support.hpp"

namespace skyfold {
namespace {

const std::string hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)><!--\x01\xff";

/// The tags of a page; of hostile texts it must hold none.
std::set<std::string> tags_of(const std::string& html) {
  std::set<std::string> tags;
  for (std::size_t at = 0; (at = html.find('<', at)) != std::string::npos; ++at)
    tags.insert(html.substr(at, html.find_first_of(" >", at) - at));
  return tags;
}

TEST(ProductLog, ShowsEveryTextAsTextWhateverItHolds) {
  LogContent log;
  ProcessRecord& p = log.process;
  for (std::string* text : {&p.command, &p.version, &p.build, &p.configuration, &p.folder, &p.host, &p.user, &p.log, &p.state, &p.message})
    *text = hostile;
  p.facts = {{hostile, hostile}};
  log.inputs = {{hostile, hostile, hostile, hostile, 0}};
  ProductRecord product;
  product.path = product.product_class = product.file_hash = product.content_hash = hostile;
  log.products = {product};
  log.lineage = log.lines = {hostile};
  log.entries = {{hostile, hostile},
                 {hostile, LogTable{hostile, {hostile}, {{hostile}}, hostile}},
                 {hostile, Plot{hostile, hostile, hostile, hostile, "", {{hostile, "lines", {{0, 1}, {0, 1}}}}}}};
  const std::string html = product_log_html(log);
  for (const std::string& tag : tags_of(html)) {
    EXPECT_NE(tag, "<script");
    EXPECT_NE(tag, "<!--");
  }
  EXPECT_EQ(html.find("src=x onerror=alert(1)>"), std::string::npos);
  EXPECT_EQ(html.find(hostile), std::string::npos);
  EXPECT_EQ(html.find('\x01'), std::string::npos);
  EXPECT_EQ(html.find('\xff'), std::string::npos);
  EXPECT_TRUE(testing_support::contains(
      html, "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&lt;!--\\x01\\xff"));
}

}  // namespace
}  // namespace skyfold
