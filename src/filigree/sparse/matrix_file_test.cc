#include "filigree/sparse/matrix_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_support.h"
#include "filigree/sparse/conversion.h"

namespace filigree::sparse {
namespace {

using test::contains;
using test::error_of;
using test::write_quickly;

class MatrixFile : public testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  CooMatrix<double> market(const std::string& text) const {
    write_quickly(path("m.mtx"), text);
    return read_matrix_market(path("m.mtx"));
  }
  CsrMatrix<double> smtx(const std::string& text) const {
    write_quickly(path("m.smtx"), text);
    return read_smtx(path("m.smtx"));
  }
  std::string market_error(const std::string& text) const {
    return error_of(ExitCode::kBadData, [&] { (void)market(text); });
  }
  std::string smtx_error(const std::string& text) const {
    return error_of(ExitCode::kBadData, [&] { (void)smtx(text); });
  }

 private:
  test::TemporaryFolder folder_;
};

using Entries = std::vector<CooEntry<double>>;

// As SciPy 1.15's mmwrite writes them.
TEST_F(MatrixFile, ReadsWhatSciPyWrites) {
  const CooMatrix<double> general = market(
      "%%MatrixMarket matrix coordinate real general\n%\n4 5 4\n1 2 1.5\n3 1 -2.25E-30\n2 2 3\n4 5 1E-1\n");
  EXPECT_EQ(general.rows, 4);
  EXPECT_EQ(general.columns, 5);
  EXPECT_EQ(general.entries, (Entries{{0, 1, 1.5}, {2, 0, -2.25e-30}, {1, 1, 3}, {3, 4, 0.1}}));
  const CooMatrix<double> symmetric =
      market("%%MatrixMarket matrix coordinate real symmetric\n%\n3 3 4\n1 1 4\n2 1 1\n2 2 6\n3 2 -1\n");
  EXPECT_EQ(symmetric.entries, (Entries{{0, 0, 4}, {1, 0, 1}, {0, 1, 1}, {1, 1, 6}, {2, 1, -1}, {1, 2, -1}}));
}

TEST_F(MatrixFile, ReadsTheFormatsKinds) {
  EXPECT_EQ(market("%%matrixmarket MATRIX Coordinate Pattern General\r\n% c\r\n\r\n2 2 1\r\n2 1\r\n").entries,
            (Entries{{1, 0, 1}}));
  EXPECT_EQ(market("%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 +7").entries,
            (Entries{{1, 0, 7}, {0, 1, -7}}));
  EXPECT_TRUE(market("%%MatrixMarket matrix coordinate real general\n2 3 0\n").entries.empty());
  EXPECT_EQ(market("%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 1e-999\n").entries,
            (Entries{{0, 0, 0}}));
}

TEST_F(MatrixFile, GivesMarketValuesBack) {
  Philox random(1, Purpose::kTest);
  CooMatrix<double> matrix{1000, 2000, {}};
  for (int i = 0; i < 500; ++i) {
    matrix.entries.push_back({static_cast<std::int64_t>(random.below(1000)),
                              static_cast<std::int64_t>(random.below(2000)),
                              random.normal() * std::pow(10.0, random.normal() * 50)});
  }
  write_matrix_market(path("a.mtx"), matrix);
  const CooMatrix<double> read = read_matrix_market(path("a.mtx"));
  EXPECT_EQ(read.rows, 1000);
  EXPECT_EQ(read.columns, 2000);
  EXPECT_EQ(read.entries, matrix.entries);
}

TEST_F(MatrixFile, GivesSmtxPatternsBack) {
  const CsrMatrix<double> matrix = smtx("3, 4, 5\n0 2 2 5\n1 3 0 1 2\n");
  EXPECT_EQ(matrix.rows, 3);
  EXPECT_EQ(matrix.columns, 4);
  EXPECT_EQ(matrix.offsets, (std::vector<std::int64_t>{0, 2, 2, 5}));
  EXPECT_EQ(matrix.indices, (std::vector<std::int64_t>{1, 3, 0, 1, 2}));
  write_smtx(path("b.smtx"), matrix);
  EXPECT_EQ(read_file(path("b.smtx")), "3, 4, 5\n0 2 2 5\n1 3 0 1 2\n");
  EXPECT_EQ(bsr_from_csr(matrix, 1).pattern.block_count(), 5);
  EXPECT_TRUE(smtx("2, 2, 0\n0 0 0\n\n").indices.empty());
}

TEST_F(MatrixFile, NamesTheLineOfWhatIsWrong) {
  const std::string head = "%%MatrixMarket matrix coordinate real general\n";
  EXPECT_TRUE(contains(market_error(""), "does not begin with"));
  EXPECT_TRUE(contains(market_error("hello\n"), "does not begin with"));
  EXPECT_TRUE(contains(market_error("%%MatrixMarket matrix array real general\n"), "format 'array'"));
  EXPECT_TRUE(
      contains(market_error("%%MatrixMarket matrix coordinate complex general\n"), "field 'complex'"));
  EXPECT_TRUE(contains(market_error("%%MatrixMarket matrix coordinate real hermitian\n"), "symmetry"));
  EXPECT_TRUE(contains(market_error(head), "ends before the sizes"));
  EXPECT_TRUE(contains(market_error(head + "2 2\n"), "line 2 ends before its elements"));
  EXPECT_TRUE(contains(market_error(head + "-2 2 1\n"), "line 2 gives -2 rows"));
  EXPECT_TRUE(contains(market_error(head + "2 99999999999999999999 1\n"), "no whole number"));
  EXPECT_TRUE(contains(market_error(head + "2 2 2\n1 1 1\n"), "has 1 of the 2 elements"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n1 1 1\n2 2 2\n"), "line 4 is one more"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n3 1 1\n"), "line 3 has element (3, 1), outside"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n0 1 1\n"), "line 3 has element (0, 1), outside"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n1 1 nan\n"), "line 3 has 'nan' for its value"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n1 1 1e999\n"), "line 3 has '1e999' for its value"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n1 1 1 1\n"), "line 3 has '1' where the line should end"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n1.5 1 1\n"), "'1.5' for its row"));
  EXPECT_TRUE(contains(market_error(head + "2 2 1\n1 1 +-5\n"), "'+-5' for its value"));
  EXPECT_TRUE(contains(market_error("%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 1.5\n"),
                       "'1.5' for its value"));
  // A count that lies takes no memory.
  EXPECT_TRUE(contains(market_error(head + "2 2 2147483647\n1 1 1\n"), "has 1 of the 2147483647"));
  EXPECT_TRUE(contains(smtx_error(""), "is empty"));
  EXPECT_TRUE(contains(smtx_error("2, 2\n"), "line 1 ends before its elements"));
  EXPECT_TRUE(contains(smtx_error("2, 2, 1\n"), "ends before its row offsets"));
  EXPECT_TRUE(contains(smtx_error("2, 2, 1\n0 1\n0\n"), "line 2 ends before its row offset"));
  EXPECT_TRUE(contains(smtx_error("2, 2, 1\n0 2 1\n0\n"), "line 2 has 2 for row offset 1"));
  EXPECT_TRUE(contains(smtx_error("2, 2, 1\n0 1 1\n2\n"), "line 3 has 2 for column index 0"));
  EXPECT_TRUE(contains(smtx_error("2, 2, 1\n0 1 1\n1\n5\n"), "line 4 is one more"));
  EXPECT_TRUE(contains(smtx_error("2, 2, 1\n0 1 1\n"), "ends before its column indices"));
}

}  // namespace
}  // namespace filigree::sparse
