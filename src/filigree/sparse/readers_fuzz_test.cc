// Damaged files end in a matrix or plan that is valid, or in an error that names the file; never elsewhere.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/error.h"
#include "filigree/base/file.h"
#include "filigree/base/philox.h"
#include "filigree/base/test_fuzzing.h"
#include "filigree/base/test_support.h"
#include "filigree/numerics/safetensors.h"
#include "filigree/sparse/conversion.h"
#include "filigree/sparse/matrix_file.h"
#include "filigree/sparse/plan.h"

namespace filigree::sparse {
namespace {

using test::write_quickly;

constexpr std::chrono::seconds kTime(1);

// One to four edits: bytes, pieces, and whole numbers in place of others.
std::string damaged(std::string text, Philox& random) {
  constexpr std::array<std::string_view, 12> kNumbers{
      "-1",    "0",   "1", "7", "65536", "2147483647", "2147483648", "9223372036854775808",
      "1e999", "nan", "",  " "};
  constexpr std::string_view kCharacters = "0123456789 -+.,eE\n\r\t%{}[]\":\0\xff";
  for (std::uint64_t edits = 1 + random.below(4); edits > 0 && !text.empty(); --edits) {
    const std::size_t at = random.below(text.size());
    const std::size_t length = 1 + random.below(8);
    switch (random.below(7)) {
      case 0: text[at] = static_cast<char>(random.below(256)); break;
      case 1: text[at] = kCharacters[random.below(kCharacters.size())]; break;
      case 2: text.insert(at, 1, kCharacters[random.below(kCharacters.size())]); break;
      case 3: text.erase(at, length); break;
      case 4: text.insert(at, text.substr(random.below(text.size()), length)); break;
      case 5: text.resize(at); break;
      default: {
        const std::size_t begin = text.find_first_of("0123456789", at);
        if (begin == std::string::npos) break;
        const std::size_t end = text.find_first_not_of("0123456789", begin);
        text.replace(begin, end == std::string::npos ? end : end - begin,
                     kNumbers[random.below(kNumbers.size())]);
      }
    }
  }
  return text;
}

// Calls read(path) on a file of this content; what it throws must be of bad data, and name the file.
template <typename Read>
void read_damaged(const std::filesystem::path& path, const std::string& content, const Read& read) {
  SCOPED_TRACE(testing::PrintToString(content));
  write_quickly(path, content);
  try {
    read(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadData) << error.what();
    EXPECT_TRUE(test::contains(error.what(), path.string())) << error.what();
  }
}

// The blocks of a matrix that was read, where its sizes are those of a matrix and not of the damage.
template <typename Convert>
void convert(std::int64_t rows, std::int64_t columns, const Convert& to_blocks) {
  constexpr std::int64_t kMost = 1 << 20;
  if (rows > kMost || columns > kMost) return;
  try {
    const BsrMatrix<double> matrix = to_blocks();
    EXPECT_EQ(static_cast<std::int64_t>(matrix.values.size()), matrix.pattern.value_count());
  } catch (const Error& error) {
    // Elements that are there twice, or more places than indices count.
    EXPECT_TRUE(error.code() == ExitCode::kBadData || error.code() == ExitCode::kUsage) << error.what();
  }
}

BsrPattern draw_pattern(Philox& random) {
  constexpr BlockShape kShapes[] = {1, 2, 4, 8, {4, 1}, {1, 16}};
  const BlockShape block = kShapes[random.below(std::size(kShapes))];
  const std::int64_t block_rows = 1 + static_cast<std::int64_t>(random.below(6));
  const std::int64_t block_columns = 1 + static_cast<std::int64_t>(random.below(6));
  const auto count =
      1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(block_rows * block_columns)));
  return BsrPattern::random(block_rows * block.rows, block_columns * block.columns, block, count, random);
}

BsrMatrix<double> draw_matrix(Philox& random) {
  BsrMatrix<double> matrix{draw_pattern(random), {}};
  for (std::int64_t i = 0; i < matrix.pattern.value_count(); ++i) matrix.values.push_back(random.normal());
  return matrix;
}

TEST(ReadersFuzz, MatrixMarket) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder / "w.mtx";
  test::fuzz(kTime, [&](std::uint64_t number) {
    Philox random(number, Purpose::kTest);
    write_matrix_market(path, to_coo(draw_matrix(random)));
    std::string text = read_file(path);
    const std::string_view kinds[] = {"real general", "real symmetric", "real skew-symmetric",
                                      "integer general", "pattern general"};
    text.replace(text.find(kinds[0]), kinds[0].size(), kinds[random.below(std::size(kinds))]);
    read_damaged(path, damaged(text, random), [](const std::filesystem::path& file) {
      const CooMatrix<double> read = read_matrix_market(file);
      for (const CooEntry<double>& entry : read.entries) {
        ASSERT_TRUE(entry.row >= 0 && entry.row < read.rows && entry.column >= 0 &&
                    entry.column < read.columns && std::isfinite(entry.value));
      }
      convert(read.rows, read.columns, [&] { return bsr_from_coo(read, 4, Canonical::kSum); });
    });
  });
}

TEST(ReadersFuzz, Smtx) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder / "w.smtx";
  test::fuzz(kTime, [&](std::uint64_t number) {
    Philox random(number, Purpose::kTest);
    write_smtx(path, to_csr(draw_matrix(random)));
    read_damaged(path, damaged(read_file(path), random), [](const std::filesystem::path& file) {
      const CsrMatrix<double> read = read_smtx(file);
      ASSERT_EQ(static_cast<std::int64_t>(read.offsets.size()), read.rows + 1);
      ASSERT_EQ(read.offsets.back(), static_cast<std::int64_t>(read.indices.size()));
      for (const std::int64_t column : read.indices) ASSERT_TRUE(column >= 0 && column < read.columns);
      convert(read.rows, read.columns, [&] { return bsr_from_csr(read, 4, Canonical::kSum); });
    });
  });
}

// A plan that was read must work.
template <typename T>
void use(const Plan<T>& plan) {
  const BsrPattern& w = plan.pattern();
  constexpr std::int64_t kMost = 1 << 12;
  if (w.rows() > kMost || w.columns() > kMost || plan.options().product == Product::kGradWeight) return;
  const std::int64_t samples = 3;
  const bool forward = plan.options().product == Product::kForward;
  const bool row_major = plan.options().layout == ActivationLayout::kRowMajor;
  const auto view = [&](std::vector<T>& data, bool rows) {
    const std::int64_t features = rows ? w.rows() : w.columns();
    data.assign(static_cast<std::size_t>(features * samples), static_cast<T>(1.0F));
    return row_major ? MatrixView<T>(data.data(), features, samples)
                     : MatrixView<T>(data.data(), samples, features);
  };
  std::vector<T> values(static_cast<std::size_t>(w.value_count()), static_cast<T>(1.0F));
  std::vector<T> in;
  std::vector<T> out;
  plan.multiply(values.data(), view(in, !forward), nullptr, view(out, forward));
}

// Damage behind the checksum: to what the file says, then written as a sound file.
void rewrite_damaged(const std::filesystem::path& path, Philox& random) {
  const std::string copy = path.string() + ".sound";
  std::filesystem::rename(path, copy);
  const SafetensorsFile sound(copy);
  std::map<std::string, std::string> metadata = sound.metadata();
  metadata.erase(std::string(kChecksumKey));
  std::vector<std::vector<std::int32_t>> arrays;
  std::vector<std::string> names{"row_offsets", "column_indices"};
  for (const std::string& name : names) {
    const auto array = sound.get_as<std::int32_t>(name, sound.get(name).shape);
    arrays.emplace_back(array.begin(), array.end());
  }
  if (random.below(2) == 0) {
    std::string& state = metadata.at("filigree.state");
    state = damaged(state, random);
    // Only UTF-8 can be written.
    for (char& c : state) c = static_cast<char>(c & 0x7f);
  } else {
    std::vector<std::int32_t>& array = arrays[random.below(2)];
    const std::size_t at = array.empty() ? 0 : random.below(array.size());
    switch (random.below(3)) {
      case 0: array.resize(at); break;
      case 1: array.insert(array.begin() + static_cast<std::ptrdiff_t>(at), 1); break;
      default:
        if (!array.empty()) array[at] = static_cast<std::int32_t>(random.next_u32() >> random.below(32));
    }
  }
  std::vector<TensorEntry> tensors;
  for (std::size_t i = 0; i < names.size(); ++i) {
    tensors.push_back(tensor_entry<std::int32_t>(names[i], {static_cast<std::int64_t>(arrays[i].size())},
                                                 std::span<const std::int32_t>(arrays[i])));
  }
  write_safetensors(path, tensors, metadata);
}

template <typename T>
void check_plan(const std::filesystem::path& path, Philox& random) {
  const bool half = std::is_same_v<T, BFloat16>;
  const PlanOptions options{
      .product = kProducts[random.below(half ? 2 : 3)].product,
      .layout = kActivationLayouts[half ? 0 : random.below(2)].layout,
      .samples = 1 + static_cast<std::int64_t>(random.below(100)),
  };
  Plan<T>(draw_pattern(random), options).save(path);
  if (random.below(2) == 0) rewrite_damaged(path, random);
  std::string content = read_file(path);
  if (random.below(2) == 0) content = damaged(content, random);
  read_damaged(path, content, [](const std::filesystem::path& file) { use(Plan<T>::load(file)); });
}

TEST(ReadersFuzz, Plans) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder / "w.plan";
  test::fuzz(kTime, [&](std::uint64_t number) {
    Philox random(number, Purpose::kTest);
    switch (random.below(3)) {
      case 0: check_plan<float>(path, random); break;
      case 1: check_plan<double>(path, random); break;
      default: check_plan<BFloat16>(path, random); break;
    }
  });
}

}  // namespace
}  // namespace filigree::sparse
