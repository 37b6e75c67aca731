#include "filigree/run/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree::run {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryFolder;
using test::write_quickly;

constexpr const char* kHeader = "{\"format\":\"filigree-metrics\",\"version\":1}\n";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Metrics, Golden) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  Metrics metrics(path);
  metrics.write(20, "train", {{"loss", 5.3}, {"tokens", 40960}, {"small", 1e-5}});
  metrics.write(20, "va\"lid", {{"nan", std::nan("")}, {"up", kInfinity}, {"down", -kInfinity}});
  metrics.write(21, "train", {});
  // Complete while the writer still lives.
  EXPECT_EQ(read_file(path),
            std::string(kHeader) + R"({"step":20,"split":"train","loss":5.3,"tokens":40960,"small":1e-05}
{"step":20,"split":"va\"lid","nan":"NaN","up":"Infinity","down":"-Infinity"}
{"step":21,"split":"train"}
)");
}

TEST(Metrics, ValuesComeBackExactly) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  const std::vector<double> values = {0.1 + 0.2, 1e300, -5e-324,   9007199254740993.0, -3,
                                      0,         -0.0,  kInfinity, -kInfinity,         std::nan("")};
  {
    Metrics metrics(path);
    for (std::size_t i = 0; i < values.size(); ++i)
      metrics.write(static_cast<std::int64_t>(i), "s", {{"v", values[i]}});
  }
  const std::vector<MetricRecord> records = read_metrics(path);
  ASSERT_EQ(records.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(records[i].step, static_cast<std::int64_t>(i));
    EXPECT_EQ(records[i].split, "s");
    const double value = records[i].value("v");
    EXPECT_TRUE(value == values[i] || (std::isnan(value) && std::isnan(values[i]))) << values[i];
    EXPECT_EQ(std::signbit(value), std::signbit(values[i]));
    EXPECT_TRUE(std::isnan(records[i].value("w")));
  }
}

TEST(Metrics, GoesOnWithAFileAndDropsATornLine) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  const std::string whole = std::string(kHeader) + "{\"step\":1,\"split\":\"train\"}\n";
  // Torn at any byte of the second line, or in the header.
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    write_quickly(path, whole.substr(0, size));
    if (size >= std::string(kHeader).size()) {
      EXPECT_EQ(read_metrics(path).size(), size == whole.size() ? 1u : 0u);
    }
    Metrics(path).write(2, "train", {});
    EXPECT_EQ(read_file(path),
              (size == whole.size() ? whole : kHeader) + std::string("{\"step\":2,\"split\":\"train\"}\n"));
  }
}

TEST(Metrics, TruncatingForgetsLaterSteps) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  Metrics metrics(path);
  for (int step = 1; step <= 4; ++step) {
    metrics.write(step, "train", {{"loss", 1.0 / step}});
    metrics.write(step, "valid", {});
  }
  metrics.truncate_after(2);
  metrics.write(3, "again", {});
  const auto records = read_metrics(path);
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[3].step, 2);
  EXPECT_EQ(records[4].split, "again");
  metrics.truncate_after(-1);
  EXPECT_EQ(read_file(path), kHeader);
}

TEST(Metrics, MistakesOfTheCallerAreCaught) {
  const TemporaryFolder folder;
  Metrics metrics(folder / "metrics.jsonl");
  EXPECT_THROW(metrics.write(1, "train", {{"step", 1}}), std::invalid_argument);
  EXPECT_THROW(metrics.write(1, "train", {{"a", 1}, {"a", 2}}), std::invalid_argument);
  EXPECT_TRUE(read_metrics(folder / "metrics.jsonl").empty());
}

TEST(Metrics, MalformedFilesNameTheLine) {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.jsonl";
  error_of(ExitCode::kBadData, [&] { (void)read_metrics(path); });
  for (const char* line : {"", "x", "[]", "{}", R"({"step":1})", R"({"step":1.5,"split":"a"})",
                           R"({"step":1,"split":2})", R"({"step":1,"split":"a","v":"high"})",
                           R"({"step":1,"split":"a","v":null})", "{\"step\":1,\"split\":\"\xff\"}"}) {
    write_quickly(path, std::string(kHeader) + "{\"step\":1,\"split\":\"a\"}\n" + line + "\n");
    const std::string error = error_of(ExitCode::kBadData, [&] { (void)read_metrics(path); });
    EXPECT_TRUE(contains(error, "metrics.jsonl:3:") && contains(error, "remove this line")) << line;
  }
  for (const char* header : {"{}\n", "x\n", "{\"format\":\"filigree-metrics\",\"version\":2}\n",
                             "{\"step\":1,\"split\":\"a\"}\n"}) {
    write_quickly(path, header);
    error_of(ExitCode::kBadData, [&] { (void)read_metrics(path); });
    error_of(ExitCode::kBadData, [&] { Metrics metrics(path); });
  }
}

TEST(Metrics, ALineThatIsNestedDeeplyIsMalformed) {
  const TemporaryFolder folder;
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  const auto path = folder / "metrics.jsonl";
  write_quickly(path, R"({"format":)" + deep + "}\n");
  error_of(ExitCode::kBadData, [&] { Metrics metrics(path); });
  write_quickly(path, std::string(kHeader) + R"({"step":1,"split":"a","v":)" + deep + "}\n");
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData, [&] { (void)read_metrics(path); }), "metrics.jsonl:2:"));
}

TEST(Metrics, AFullDiskIsNamedWithItsCure) {
  const int code = test::run_on_small_disk(1 << 16, [](const std::filesystem::path& disk) {
    Metrics metrics(disk / "metrics.jsonl");
    const std::string error = error_of(ExitCode::kFailed, [&] {
      for (int step = 0; step < 10'000; ++step) metrics.write(step, "train", {{"loss", 1.5}});
    });
    return contains(error, "metrics.jsonl: No space left on device; free some space") ? 0 : 1;
  });
  if (code == test::kCannotMount) GTEST_SKIP() << "cannot mount a small file system here";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace filigree::run
