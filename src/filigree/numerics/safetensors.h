// Tensors in files of the safetensors format (https://github.com/huggingface/safetensors): 8 bytes of header
// length, a JSON header, the data. Ours carry a checksum in the metadata.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "filigree/base/file.h"

namespace filigree {

struct TensorEntry {
  std::string name;
  std::string dtype;  // "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", ..., "BOOL"
  std::vector<std::int64_t> shape;  // row-major; empty for a scalar
  std::span<const std::byte> bytes;
};

// The dtype of C++ types; specialise it for types of your own that are stored as they are.
template <class T>
inline constexpr std::string_view kDtype = {};
template <>
inline constexpr std::string_view kDtype<double> = "F64";
template <>
inline constexpr std::string_view kDtype<float> = "F32";
template <>
inline constexpr std::string_view kDtype<std::int64_t> = "I64";
template <>
inline constexpr std::string_view kDtype<std::int32_t> = "I32";
template <>
inline constexpr std::string_view kDtype<std::int16_t> = "I16";
template <>
inline constexpr std::string_view kDtype<std::int8_t> = "I8";
template <>
inline constexpr std::string_view kDtype<std::uint64_t> = "U64";
template <>
inline constexpr std::string_view kDtype<std::uint32_t> = "U32";
template <>
inline constexpr std::string_view kDtype<std::uint16_t> = "U16";
template <>
inline constexpr std::string_view kDtype<std::uint8_t> = "U8";

// An entry that refers to `values`, which must outlive it.
template <class T>
TensorEntry tensor_entry(std::string name, std::vector<std::int64_t> shape, std::span<const T> values) {
  static_assert(!kDtype<T>.empty(), "a type that safetensors can store");
  return {std::move(name), std::string(kDtype<T>), std::move(shape), std::as_bytes(values)};
}

// The metadata key of the checksum: 32 hexadecimal digits of XXH3-128 over the header without this
// key, then the data.
inline constexpr std::string_view kChecksumKey = "filigree.checksum";

// Writes a file atomically. names() of the file read back is the given order; the data start at a multiple of
// 64 bytes and lie with wide elements first, so that each tensor is aligned to its element. The same
// arguments give the same bytes. Errors: those of AtomicFile; std::invalid_argument for duplicate names, a
// size that is not that of shape and dtype, an unknown dtype, or metadata that hold kChecksumKey.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata);

// A memory-mapped file, whole or not at all: what the format demands is checked on opening (header length,
// JSON without duplicate keys, sizes, data ranges without overlap or hole).
class SafetensorsFile {
 public:
  // Errors (bad data): the file is missing, truncated or malformed.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  // Reads everything once. Errors (bad data): the file has no checksum, or its bytes were altered.
  void verify() const;

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool has(std::string_view name) const;
  // In the order of the header.
  std::vector<std::string> names() const;
  // The bytes live as long as this object. Errors (bad data): there is no such tensor.
  TensorEntry get(std::string_view name) const;
  // The elements, after checking dtype, shape and alignment. Errors (bad data): any of them differs.
  template <class T>
  std::span<const T> get_as(std::string_view name, std::span<const std::int64_t> shape) const {
    static_assert(!kDtype<T>.empty(), "a type that safetensors can store");
    const std::span<const std::byte> bytes = checked(name, kDtype<T>, shape, alignof(T));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

 private:
  std::span<const std::byte> checked(std::string_view name, std::string_view dtype,
                                     std::span<const std::int64_t> shape, std::size_t alignment) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, std::string> metadata_;
  std::size_t header_bytes_ = 0;  // of the JSON with its padding
};

}  // namespace filigree
