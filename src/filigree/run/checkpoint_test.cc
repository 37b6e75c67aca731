#include "filigree/run/checkpoint.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree::run {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryFolder;
using test::write_quickly;

constexpr std::array<float, 4> kWeights = {1, 2, 3, 4};

std::filesystem::path write(const std::filesystem::path& folder, std::int64_t step,
                            const nlohmann::json& state = nlohmann::json::object()) {
  const std::vector<TensorEntry> tensors = {tensor_entry<float>("weights", {2, 2}, kWeights)};
  return write_checkpoint(folder, "test", step, tensors, state);
}

void flip_last_byte(const std::filesystem::path& path) {
  std::string content = read_file(path);
  content.back() = static_cast<char>(content.back() ^ 1);
  write_quickly(path, content);
}

TEST(Checkpoint, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  const nlohmann::json state = {{"counter", std::numeric_limits<std::uint64_t>::max()},
                                {"learning_rate", 0.1 + 0.2},
                                {"tiny", std::numeric_limits<double>::denorm_min()},
                                {"position", {{"file", 3}, {"offset", -1}}},
                                {"name", "caf\xc3\xa9 \"\n"}};
  const auto path = write(folder.path(), 1234, state);
  EXPECT_EQ(path, folder / "step-00001234.safetensors");
  const Checkpoint checkpoint(path, "test");
  EXPECT_EQ(checkpoint.step(), 1234);
  EXPECT_EQ(checkpoint.state(), state);
  const std::array<std::int64_t, 2> shape = {2, 2};
  EXPECT_EQ(checkpoint.tensors().get_as<float>("weights", shape)[3], 4.0f);
}

TEST(Checkpoint, BytesDependOnTheContentsAlone) {
  const TemporaryFolder a;
  const TemporaryFolder b;
  nlohmann::json first = {{"x", 1}};
  first["a"] = 2;
  nlohmann::json second = {{"a", 2}};
  second["x"] = 1;
  EXPECT_EQ(read_file(write(a.path(), 7, first)), read_file(write(b.path(), 7, second)));
}

TEST(Checkpoint, GoldenHeader) {
  const TemporaryFolder folder;
  const std::string content = read_file(write(folder.path(), 5, {{"seed", 1}}));
  // The checksum was computed apart from this code, as in tests/oracles/read_safetensors.py.
  const std::string header =
      R"({"__metadata__":{"filigree.checksum":"7c389d09be587875dc1d40a92948285d","filigree.format":"1",)"
      R"("filigree.kind":"test","filigree.state":"{\"seed\":1}","filigree.step":"5"},)"
      R"("weights":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
  EXPECT_EQ(content.substr(8, header.size()), header);
}

TEST(Checkpoint, StatesThatJsonCannotHoldAreRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW(write(folder.path(), 1, {{"a", {1.0, std::numeric_limits<double>::quiet_NaN()}}}), Error);
  EXPECT_THROW(write(folder.path(), 1, nlohmann::json::array()), std::invalid_argument);
  EXPECT_THROW(write(folder.path(), -1), std::invalid_argument);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Checkpoint, ListsByStepAndSkipsOtherFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(latest_checkpoint(folder / "missing"), std::nullopt);
  EXPECT_EQ(latest_checkpoint(folder.path()), std::nullopt);
  for (const char* name : {"step-00000099.safetensors.partial", "step-.safetensors", "step-x.safetensors",
                           "step--1.safetensors", "step-99", "other-00000099.safetensors", "step-.partial"}) {
    write_quickly(folder / name, "");
  }
  const auto large = write(folder.path(), 123456789);
  const auto small = write(folder.path(), 20);
  EXPECT_EQ(list_checkpoints(folder.path()), (std::vector<std::filesystem::path>{small, large}));
  EXPECT_EQ(latest_checkpoint(folder.path()), large);
}

TEST(Checkpoint, PruningKeepsTheNewest) {
  const TemporaryFolder folder;
  for (int step = 1; step <= 5; ++step) write(folder.path(), step);
  prune_checkpoints(folder.path(), 9);
  EXPECT_EQ(list_checkpoints(folder.path()).size(), 5u);
  prune_checkpoints(folder.path(), 2);
  EXPECT_EQ(list_checkpoints(folder.path()),
            (std::vector<std::filesystem::path>{checkpoint_path(folder.path(), 4),
                                                checkpoint_path(folder.path(), 5)}));
  EXPECT_THROW(prune_checkpoints(folder.path(), 0), std::invalid_argument);
}

TEST(Checkpoint, SettingAsideLosesNothing) {
  const TemporaryFolder folder;
  for (const int step : {5, 10, 15, 100000000}) write(folder.path(), step, {{"step", step}});
  EXPECT_EQ(set_aside_checkpoints_after(folder.path(), 10), 2);
  EXPECT_EQ(set_aside_checkpoints_after(folder.path(), 10), 0);
  EXPECT_EQ(list_checkpoints(folder.path()).size(), 2U);
  EXPECT_EQ(latest_checkpoint(folder.path()), checkpoint_path(folder.path(), 10));
  for (const int step : {15, 100000000}) {
    std::filesystem::path aside = checkpoint_path(folder.path(), step);
    const std::filesystem::path back = aside;
    aside += kSetAside;
    std::filesystem::rename(aside, back);
    EXPECT_EQ(Checkpoint(back, "test").step(), step);
  }
}

TEST(Checkpoint, SettingAsideAgainKeepsWhatWasSetAsideBefore) {
  const TemporaryFolder folder;
  const auto path = checkpoint_path(folder.path(), 15);
  for (int round = 1; round <= 3; ++round) {
    write(folder.path(), 15, {{"round", round}});
    EXPECT_EQ(set_aside_checkpoints_after(folder.path(), 10), 1);
  }
  for (const auto& [suffix, round] : {std::pair{"", 1}, {".2", 2}, {".3", 3}}) {
    std::filesystem::path aside = path;
    aside += std::string(kSetAside) + suffix;
    std::filesystem::rename(aside, path);
    EXPECT_EQ(Checkpoint(path, "test").state().at("round"), round);
  }
}

TEST(Checkpoint, ADamagedOneNamesTheNewestSoundOne) {
  const TemporaryFolder folder;
  const auto error = [&](const std::filesystem::path& path) {
    return error_of(ExitCode::kBadData, [&] { Checkpoint checkpoint(path, "test", "--resume-from"); });
  };
  const auto first = write(folder.path(), 1);
  const auto second = write(folder.path(), 2);
  const auto third = write(folder.path(), 3);
  flip_last_byte(third);
  EXPECT_EQ(error(third), third.string() + ": the file was altered: its checksum does not match; " +
                              "step-00000002.safetensors is sound: --resume-from " + second.string());
  // A command without such an option does not offer it.
  const std::string neutral = error_of(ExitCode::kBadData, [&] { Checkpoint checkpoint(third, "test"); });
  EXPECT_TRUE(neutral.ends_with("; " + second.string() + " is sound")) << neutral;
  write_quickly(second, read_file(second).substr(0, 100));
  EXPECT_TRUE(contains(error(third), "--resume-from " + first.string()));
  EXPECT_TRUE(contains(error(second), "truncated"));
  EXPECT_TRUE(contains(error(folder / "step-00000009.safetensors"), "--resume-from " + first.string()));
  write_quickly(first, "");
  EXPECT_TRUE(contains(error(third), "no other sound checkpoint"));
}

TEST(Checkpoint, OneWithTheNameOfAnotherStepIsRefused) {
  const TemporaryFolder folder;
  write(folder.path(), 1);
  const auto late = checkpoint_path(folder.path(), 90000000);
  std::filesystem::rename(write(folder.path(), 2), late);
  const auto error = [&](const std::filesystem::path& path) {
    return error_of(ExitCode::kBadData, [&] { Checkpoint checkpoint(path, "test", "--resume-from"); });
  };
  EXPECT_TRUE(contains(error(late), "of step 2; rename it to step-00000002.safetensors")) << error(late);
  // Nor is it offered in place of a damaged one.
  const auto damaged = write(folder.path(), 3);
  flip_last_byte(damaged);
  EXPECT_TRUE(contains(error(damaged), "step-00000001.safetensors is sound")) << error(damaged);
  // The cure works; a copy under a name of its own is nothing else than a copy.
  std::filesystem::rename(late, checkpoint_path(folder.path(), 2));
  EXPECT_EQ(Checkpoint(checkpoint_path(folder.path(), 2), "test").step(), 2);
  std::filesystem::rename(checkpoint_path(folder.path(), 2), folder / "copy.safetensors");
  EXPECT_EQ(Checkpoint(folder / "copy.safetensors", "test").step(), 2);
}

TEST(Checkpoint, OtherKindsVersionsAndFilesAreRefused) {
  const TemporaryFolder folder;
  const auto error = [&](const std::filesystem::path& path, std::string_view kind) {
    return error_of(ExitCode::kBadData, [&] { Checkpoint checkpoint(path, kind); });
  };
  EXPECT_TRUE(contains(error(write(folder.path(), 1), "bert"), "checkpoint of 'test', not of 'bert'"));
  const auto path = folder / "x";
  write_safetensors(path, {}, {});
  EXPECT_TRUE(contains(error(path, "test"), "it is no checkpoint"));
  write_safetensors(path, {}, {{"filigree.format", "2"}});
  EXPECT_TRUE(contains(error(path, "test"), "this build reads format 1"));
  // Far below the depth at which reading it would take the stack down.
  const std::string deep = R"({"facts":)" + std::string(1000000, '[') + std::string(1000000, ']') + "}";
  for (const std::string& state :
       {std::string(), std::string("1"), std::string("{"), std::string("[]"), deep}) {
    write_safetensors(path, {},
                      {{"filigree.format", "1"},
                       {"filigree.kind", "test"},
                       {"filigree.step", "1"},
                       {"filigree.state", state}});
    EXPECT_TRUE(contains(error(path, "test"), "malformed"));
  }
  write_safetensors(path, {},
                    {{"filigree.format", "1"},
                     {"filigree.kind", "test"},
                     {"filigree.step", "1x"},
                     {"filigree.state", "{}"}});
  EXPECT_TRUE(contains(error(path, "test"), "malformed"));
}

}  // namespace
}  // namespace filigree::run
