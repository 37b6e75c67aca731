// filigree sparse report: from lines of sparse bench to a page.
#include <gtest/gtest.h>

#include <string>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"
#include "support/run_program.h"

namespace filigree {
namespace {

using test::contains;
using test::Outcome;
using test::run_program;
using test::TemporaryFolder;

std::string line(int block, const char* density, int m, int n, double speedup) {
  return R"({"op":"forward","layout":"row-major","pattern":"uniform","mode":"static","executed":"sparse",)"
         R"("dtype":"float32","threads":1,"block":)" +
         std::to_string(block) + R"(,"density":)" + density + R"(,"m":)" + std::to_string(m) + R"(,"k":)" +
         std::to_string(m) + R"(,"n":)" + std::to_string(n) + R"(,"speedup":)" + std::to_string(speedup) +
         R"(,"ratio":0.5})" + "\n";
}

TEST(SparseReport, DrawsWhatWasMeasured) {
  const TemporaryFolder folder;
  // Speed-up 2 m / 512 / density / 4 b, so that the fit is known.
  std::string lines;
  for (const int block : {1, 4}) {
    for (const int m : {512, 1024}) {
      lines += line(block, "0.25", m, 64, 2.0 * m / 512 * block) + "\n";
      lines += line(block, "0.125", m, 64, 99);  // measured again below
      lines += line(block, "0.125", m, 64, 4.0 * m / 512 * block);
    }
  }
  const auto results = folder.write("a.jsonl", lines);
  const std::string page = (folder / "report.html").string();
  const Outcome outcome =
      run_program({FILIGREE_PROGRAM, "sparse", "report", results.string(), "--output", page});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, page + "\n");
  const std::string html = read_file(page);
  EXPECT_TRUE(contains(html, "8 of 400"));
  EXPECT_TRUE(contains(html, "8 (100 %)"));
  EXPECT_TRUE(contains(html, "m^1.00 d^-1.00 b^1.00"));
  EXPECT_FALSE(contains(html, ">99<"));
  EXPECT_TRUE(contains(html, "288 (74 %)"));  // PopSparse's
}

TEST(SparseReport, RefusesOtherFiles) {
  const TemporaryFolder folder;
  const std::string page = (folder / "report.html").string();
  const auto report = [&](const std::string& text) {
    const auto file = folder.write("a.jsonl", text);
    return run_program({FILIGREE_PROGRAM, "sparse", "report", file.string(), "--output", page});
  };
  EXPECT_EQ(report("").code, 3);
  EXPECT_EQ(report("no JSON\n").code, 3);
  EXPECT_TRUE(contains(report(line(1, "0.25", 512, 4, 1) + "{\"op\":7}\n").err, "line 2"));
  EXPECT_TRUE(contains(report(line(1, "0", 512, 4, 1)).err, "must be positive"));
  EXPECT_TRUE(contains(report(line(1, "\"x\"", 512, 4, 1)).err, "its density"));
  EXPECT_EQ(run_program({FILIGREE_PROGRAM, "sparse", "report"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(page));
}

}  // namespace
}  // namespace filigree
