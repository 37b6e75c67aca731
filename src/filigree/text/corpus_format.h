// The bytes of a `*.corpus` file, shared by reader and writer; docs/formats.md describes them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace filigree::text {

static_assert(std::endian::native == std::endian::little,
              "corpus files are little-endian: swap in load() and the writer");

inline constexpr char kCorpusMagic[8] = {'F', 'I', 'L', 'C', 'O', 'R', 'P', '\n'};
inline constexpr std::uint32_t kCorpusVersion = 1;
// Each section begins on a multiple of this; the gaps are zero.
inline constexpr std::uint64_t kCorpusAlignment = 64;

struct CorpusHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t token_bytes;  // 2 or 4
  std::uint32_t vocabulary_size;
  std::uint32_t reserved;  // 0
  std::uint64_t vocabulary_hash;
  std::uint64_t token_count;
  std::uint64_t paragraph_count;
  std::uint64_t document_count;
  std::uint64_t body_checksum;  // XXH3-64 of all bytes behind the header
  std::uint8_t zero[56];
  std::uint64_t header_checksum;  // XXH3-64 of the bytes before it
};
static_assert(sizeof(CorpusHeader) == 128 && offsetof(CorpusHeader, header_checksum) == 120);

constexpr std::uint32_t corpus_token_bytes(std::uint32_t vocabulary_size) {
  return vocabulary_size <= 65536 ? 2 : 4;
}

// Reads element `index` of an array of T in the file.
template <typename T>
T load(const std::byte* section, std::uint64_t index) {
  T value;
  std::memcpy(&value, section + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace filigree::text
