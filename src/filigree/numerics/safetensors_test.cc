// PyPI's safetensors 0.8.0 read the golden file below, and tests/oracles/read_safetensors.py computed its
// checksum.
#include "filigree/numerics/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "filigree/base/file.h"
#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryFolder;
using test::write_quickly;

using Metadata = std::map<std::string, std::string>;

constexpr std::array<float, 6> kWeights = {1.5f, -2.0f, 0.0f, 3.25f, 1e-30f, 65504.0f};
constexpr std::array<std::uint8_t, 3> kMask = {1, 0, 255};
constexpr std::array<std::int64_t, 1> kStep = {-7};
constexpr std::array<std::int64_t, 2> kWeightsShape = {2, 3};

std::vector<TensorEntry> sample() {
  return {tensor_entry<std::uint8_t>("mask", {3}, kMask), tensor_entry<float>("weights", {2, 3}, kWeights),
          tensor_entry<std::int64_t>("step", {}, kStep), tensor_entry<float>("none", {0, 4}, {})};
}

// A file of `length` bytes of header, the header and the data.
std::string raw_file(std::uint64_t length, const std::string& json, const std::string& data = "") {
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + json + data;
}

std::string open_error(const std::string& content) {
  const TemporaryFolder folder;
  write_quickly(folder / "x.safetensors", content);
  return error_of(ExitCode::kBadData, [&] { SafetensorsFile file(folder / "x.safetensors"); });
}

std::string json_error(const std::string& json, const std::string& data = "") {
  return open_error(raw_file(json.size(), json, data));
}

TEST(Safetensors, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_safetensors(path, sample(), {{"kind", "te\"st\n\xc3\xa9"}});
  const SafetensorsFile file(path);
  file.verify();
  EXPECT_EQ(file.names(), (std::vector<std::string>{"mask", "weights", "step", "none"}));
  EXPECT_EQ(file.metadata().at("kind"), "te\"st\n\xc3\xa9");
  EXPECT_EQ(file.metadata().size(), 2u);
  for (const TensorEntry& tensor : sample()) {
    const TensorEntry read = file.get(tensor.name);
    EXPECT_EQ(read.dtype, tensor.dtype);
    EXPECT_EQ(read.shape, tensor.shape);
    ASSERT_EQ(read.bytes.size(), tensor.bytes.size());
    EXPECT_TRUE(std::equal(read.bytes.begin(), read.bytes.end(), tensor.bytes.begin()));
  }
  const auto weights = file.get_as<float>("weights", kWeightsShape);
  EXPECT_TRUE(std::equal(weights.begin(), weights.end(), kWeights.begin(), kWeights.end()));
  EXPECT_EQ(file.get_as<std::int64_t>("step", {})[0], -7);
  EXPECT_TRUE(file.has("mask"));
  EXPECT_FALSE(file.has("task"));
}

TEST(Safetensors, WithoutTensors) {
  const TemporaryFolder folder;
  write_safetensors(folder / "x", {}, {});
  const SafetensorsFile file(folder / "x");
  file.verify();
  EXPECT_TRUE(file.names().empty());
}

// Whatever the order and the sizes, each tensor is aligned to its elements and the data to 64 bytes.
TEST(Safetensors, TensorsAreAligned) {
  const TemporaryFolder folder;
  const std::vector<std::byte> bytes(64);
  for (int metadata = 0; metadata < 70; ++metadata) {
    const std::span<const std::byte> all(bytes);
    const std::vector<TensorEntry> tensors = {
        {"a", "U8", {3}, all.first(3)},   {"b", "F64", {1}, all.first(8)},  {"c", "BF16", {5}, all.first(10)},
        {"d", "F32", {3}, all.first(12)}, {"e", "I64", {2}, all.first(16)}, {"f", "BOOL", {1}, all.first(1)}};
    write_safetensors(folder / "x", tensors, {{"k", std::string(static_cast<std::size_t>(metadata), 'v')}});
    const SafetensorsFile file(folder / "x");
    file.verify();
    const std::string content = read_file(folder / "x");
    std::uint64_t length = 0;
    std::memcpy(&length, content.data(), sizeof length);
    EXPECT_EQ((sizeof length + length) % 64, 0u);
    for (const TensorEntry& tensor : tensors) {
      const auto address = reinterpret_cast<std::uintptr_t>(file.get(tensor.name).bytes.data());
      EXPECT_EQ(address % (tensor.bytes.size() / static_cast<std::size_t>(tensor.shape[0])), 0u);
    }
  }
}

TEST(Safetensors, Golden) {
  const TemporaryFolder folder;
  write_safetensors(folder / "x", sample(), {{"kind", "test"}});
  const std::string json =
      R"({"__metadata__":{"filigree.checksum":"db9481b2831d4632b86754f17a13f087","kind":"test"},)"
      R"("mask":{"dtype":"U8","shape":[3],"data_offsets":[32,35]},)"
      R"("weights":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},)"
      R"("step":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("none":{"dtype":"F32","shape":[0,4],"data_offsets":[32,32]}})";
  using namespace std::string_literals;
  const std::string data =
      "\xf9\xff\xff\xff\xff\xff\xff\xff"
      "\0\0\xc0\x3f\0\0\0\xc0\0\0\0\0\0\0\x50\x40\x60\x42\xa2\x0d\0\xe0\x7f\x47"
      "\x01\0\xff"s;
  const std::string padding((64 - (8 + json.size()) % 64) % 64, ' ');
  EXPECT_EQ(read_file(folder / "x"), raw_file(json.size() + padding.size(), json + padding, data));
}

// The bytes that PyPI's safetensors 0.8.0 wrote for these four arrays.
TEST(Safetensors, ReadsAFileOfTheReferenceImplementation) {
  using namespace std::string_literals;
  const std::string json =
      R"({"__metadata__":{"who":"PyPI"},"weights":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("half":{"dtype":"F16","shape":[1],"data_offsets":[16,18]},)"
      R"("mask":{"dtype":"U8","shape":[3],"data_offsets":[18,21]},)"
      R"("b":{"dtype":"BOOL","shape":[1],"data_offsets":[21,22]}})";
  const std::string data = "\0\0\xc0\x3f\0\0\0\xc0\0\0\0\0\0\0P@\0<\x01\0\xff\x01"s;
  const TemporaryFolder folder;
  write_quickly(folder / "x", raw_file(0x108, json, data));
  const SafetensorsFile file(folder / "x");
  EXPECT_EQ(file.metadata(), (Metadata{{"who", "PyPI"}}));
  EXPECT_EQ(file.names(), (std::vector<std::string>{"weights", "half", "mask", "b"}));
  const std::array<std::int64_t, 2> shape = {2, 2};
  const auto weights = file.get_as<float>("weights", shape);
  EXPECT_EQ(std::vector<float>(weights.begin(), weights.end()),
            (std::vector<float>{1.5f, -2.0f, 0.0f, 3.25f}));
  EXPECT_EQ(file.get("half").dtype, "F16");
}

TEST(Safetensors, MistakesOfTheCallerAreCaught) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  const auto write = [&](const std::vector<TensorEntry>& tensors) { write_safetensors(path, tensors, {}); };
  const std::span<const std::byte> bytes = std::as_bytes(std::span(kWeights));
  EXPECT_THROW(write({{"a", "F32", {6}, bytes}, {"a", "F32", {6}, bytes}}), std::invalid_argument);
  EXPECT_THROW(write({{"__metadata__", "F32", {6}, bytes}}), std::invalid_argument);
  EXPECT_THROW(write({{"a", "F32", {5}, bytes}}), std::invalid_argument);
  EXPECT_THROW(write({{"a", "F32", {-2, -3}, bytes}}), std::invalid_argument);
  EXPECT_THROW(write({{"a", "F33", {6}, bytes}}), std::invalid_argument);
  EXPECT_THROW(write_safetensors(path, {}, {{std::string(kChecksumKey), ""}}), std::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Safetensors, GetNamesWhatDiffers) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_safetensors(path, sample(), {});
  const SafetensorsFile file(path);
  const auto message = [&](auto&& body) { return error_of(ExitCode::kBadData, body); };
  EXPECT_EQ(message([&] { (void)file.get("weight"); }),
            path.string() + ": there is no tensor 'weight'; the nearest is 'weights'");
  constexpr std::array<std::int64_t, 2> kOther = {3, 2};
  EXPECT_TRUE(contains(message([&] { (void)file.get_as<float>("weights", kOther); }),
                       "is F32 [2, 3], not F32 [3, 2]"));
  EXPECT_TRUE(contains(message([&] { (void)file.get_as<std::int32_t>("weights", kWeightsShape); }),
                       "not I32 [2, 3]"));
}

TEST(Safetensors, FilesOfOthers) {
  const TemporaryFolder folder;
  // A tensor that does not lie at a multiple of its element's size.
  const std::string json = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                           R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}  )";
  write_quickly(folder / "x", raw_file(json.size(), json, "12345"));
  const SafetensorsFile file(folder / "x");
  EXPECT_EQ(file.get("b").bytes.size(), 4u);
  const std::array<std::int64_t, 1> one = {1};
  EXPECT_TRUE(
      contains(error_of(ExitCode::kBadData, [&] { (void)file.get_as<float>("b", one); }), "not aligned"));
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData, [&] { file.verify(); }), "not written by Filigree"));
}

// Also as many tensors as no model has: nothing may be quadratic in their number.
TEST(Safetensors, ManyTensorsInTheirOrder) {
  const TemporaryFolder folder;
  std::vector<TensorEntry> entries;
  const std::vector<std::int64_t> none = {0};
  constexpr int kCount = 100'000;
  entries.reserve(kCount);
  for (int i = 0; i < kCount; ++i) {
    entries.push_back(
        tensor_entry<float>(fmt::format("t{}", (i * 7919LL) % kCount), none, std::span<const float>()));
  }
  write_safetensors(folder.path() / "x", entries, {});
  const SafetensorsFile file(folder.path() / "x");
  file.verify();
  EXPECT_EQ(file.get("t99999").shape, std::vector<std::int64_t>{0});
}

TEST(Safetensors, MalformedFiles) {
  const TemporaryFolder folder;
  error_of(ExitCode::kBadData, [&] { SafetensorsFile file(folder / "missing"); });
  EXPECT_TRUE(contains(open_error(""), "0 bytes"));
  EXPECT_TRUE(contains(open_error("1234567"), "7 bytes"));
  EXPECT_TRUE(contains(open_error(raw_file(~0ull, "{}")), "18446744073709551615"));
  EXPECT_TRUE(contains(open_error(raw_file(3, "{}")), "truncated"));
  EXPECT_TRUE(contains(open_error(raw_file(0, "")), "start"));
  EXPECT_TRUE(contains(json_error("[]"), "start"));
  EXPECT_TRUE(contains(json_error("{"), "not JSON"));
  EXPECT_TRUE(contains(json_error("{}x"), "not JSON"));
  EXPECT_TRUE(contains(json_error("{\"\xff\":1}"), "not JSON"));
  EXPECT_TRUE(contains(json_error(R"({"a":)" + std::string(100000, '[')), "too deeply"));
  EXPECT_TRUE(contains(json_error(R"({"__metadata__":{"a":"1","a":"2"}})"), "'a' twice"));
  EXPECT_TRUE(contains(json_error(R"({"__metadata__":{"a":1}})"), "not a text"));
  EXPECT_TRUE(contains(json_error(R"({"__metadata__":[]})"), "not an object"));
  EXPECT_TRUE(contains(json_error(R"({"a\u001b":1})"), "'a?'"));
  EXPECT_LT(json_error("{\"" + std::string(100000, 'a') + "\":1}").size(), 1000u);
}

TEST(Safetensors, MalformedTensors) {
  const auto error = [](const std::string& tensor, const std::string& data = "1234") {
    return json_error("{\"a\":" + tensor + "}", data);
  };
  EXPECT_TRUE(contains(error("1"), "is not dtype"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[1]})"), "is not dtype"));
  EXPECT_TRUE(
      contains(error(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1})"), "is not dtype"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[1],"offsets":[0,4]})"), "has no data_offsets"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]})"), "twice"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F33","shape":[1],"data_offsets":[0,4]})"), "unknown dtype 'F33'"));
  EXPECT_TRUE(contains(error(R"({"dtype":32,"shape":[1],"data_offsets":[0,4]})"), "not a text"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})"), "not a list"));
  for (const char* extent : {"-1", "1.0", "1e0", "\"1\"", "18446744073709551616", "null", "true"}) {
    EXPECT_TRUE(contains(error(fmt::format(R"({{"dtype":"F32","shape":[{}],"data_offsets":[0,4]}})", extent)),
                         "something else than whole numbers"))
        << extent;
  }
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})"),
                       "too large"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[9223372036854775808,0],"data_offsets":[0,0]})"),
                       "too large"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), "takes 8 bytes"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"), "takes 4 bytes"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,4]})"), "not a pair"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", "12345678"), "a hole"));
  EXPECT_TRUE(contains(error(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "123"), "truncated"));
  EXPECT_TRUE(
      contains(error(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "12345"), "belong to none"));
  EXPECT_TRUE(contains(json_error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                  R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                  "1234"),
                       "overlaps"));
}

// Opens and verifies; true where both succeed. Anything but a data error is a failure.
bool accepted(const std::filesystem::path& path) {
  try {
    const SafetensorsFile file(path);
    file.verify();
    for (const std::string& name : file.names()) {
      // Touching the ends of each tensor lets the address sanitizer see a range that leaves the map.
      const auto bytes = file.get(name).bytes;
      if (!bytes.empty()) {
        EXPECT_LE(std::to_integer<int>(bytes.front()) + std::to_integer<int>(bytes.back()), 510);
      }
    }
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kBadData) << error.what();
    return false;
  }
}

TEST(Safetensors, EveryTruncationIsSeen) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_safetensors(path, sample(), {{"kind", "test"}});
  const std::string content = read_file(path);
  for (std::size_t size = 0; size < content.size(); ++size) {
    write_quickly(path, content.substr(0, size));
    EXPECT_THROW(SafetensorsFile file(path), Error) << size;
  }
  write_quickly(path, content + '\0');
  EXPECT_FALSE(accepted(path));
}

TEST(Safetensors, EveryFlippedBitIsSeen) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_safetensors(path, sample(), {{"kind", "test"}});
  const std::string content = read_file(path);
  for (std::size_t position = 0; position < content.size(); ++position) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string altered = content;
      altered[position] = static_cast<char>(altered[position] ^ (1 << bit));
      write_quickly(path, altered);
      EXPECT_FALSE(accepted(path)) << "byte " << position << " bit " << bit;
    }
  }
  write_quickly(path, content);
  EXPECT_TRUE(accepted(path));
}

TEST(Safetensors, RandomDamageIsSeen) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  write_safetensors(path, sample(), {{"kind", "test"}});
  const std::string content = read_file(path);
  std::mt19937 random(1);
  const std::string alphabet = "{}[],:\"0123456789eE+-.\\u \xff\n" + std::string(1, '\0');
  for (int round = 0; round < 3000; ++round) {
    std::string altered = content;
    for (auto edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t position = random() % altered.size();
      switch (random() % 3) {
        case 0: altered[position] = alphabet[random() % alphabet.size()]; break;
        case 1: altered.erase(position, 1 + random() % 8); break;
        default: altered.insert(position, 1, alphabet[random() % alphabet.size()]); break;
      }
    }
    if (altered == content) continue;
    write_quickly(path, altered);
    EXPECT_FALSE(accepted(path));
  }
}

}  // namespace
}  // namespace filigree
