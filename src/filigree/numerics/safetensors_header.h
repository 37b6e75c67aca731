// The JSON header of a safetensors file: reading what anyone may have written, writing what we write.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace filigree {

// A file starts with the header's length in this many bytes, little-endian.
inline constexpr std::uint64_t kLengthBytes = 8;

// Where a tensor lies: bytes [begin, end) of the data.
struct TensorPlace {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorPlace> tensors;  // in the order of the JSON
  std::map<std::string, std::string> metadata;
};

// Bytes of one element; 0 where the format has no such dtype.
std::uint64_t dtype_size(std::string_view dtype);

// "F32 [3, 4]", for messages.
std::string describe(std::string_view dtype, const std::vector<std::int64_t>& shape);

// Reads and checks a header: JSON of exactly the format's shape, no key twice, known dtypes, sizes that are
// those of shape and dtype, and ranges that cover the `data_bytes` bytes of data exactly once. Errors:
// std::runtime_error that says what is wrong.
SafetensorsHeader parse_header(std::string_view json, std::uint64_t data_bytes);

// The JSON, padded with spaces so that the data behind the length and the header start at a multiple of 64
// bytes.
std::string encode_header(const SafetensorsHeader& header);

}  // namespace filigree
