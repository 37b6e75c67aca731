#include "filigree/numerics/safetensors.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>

#include "filigree/base/error.h"
#include "filigree/base/nearest.h"
#include "filigree/numerics/safetensors_header.h"

namespace filigree {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors is little-endian, and so are the machines we run on");

constexpr std::uint64_t kLargestHeader = 100'000'000;  // the reference implementation's limit

// XXH3-128 of a stream, as 32 hexadecimal digits.
class Checksum {
 public:
  Checksum() : state_(XXH3_createState(), XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* data, std::size_t bytes) {
    if (bytes > 0) XXH3_128bits_update(state_.get(), data, bytes);
  }
  std::string digits() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

void check_entries(std::span<const TensorEntry> tensors, const std::map<std::string, std::string>& metadata) {
  if (metadata.contains(std::string(kChecksumKey))) {
    throw std::invalid_argument(fmt::format("the metadata key {} is computed here", kChecksumKey));
  }
  std::set<std::string_view> names;
  for (const TensorEntry& tensor : tensors) {
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second) {
      throw std::invalid_argument(fmt::format("the tensor name '{}' is taken", tensor.name));
    }
    std::uint64_t size = dtype_size(tensor.dtype);
    bool valid = size != 0;
    for (const std::int64_t extent : tensor.shape) {
      valid = valid && extent >= 0;
      size *= static_cast<std::uint64_t>(extent);
    }
    if (!valid || size != tensor.bytes.size()) {
      throw std::invalid_argument(fmt::format("tensor '{}' of {} has {} bytes", tensor.name,
                                              describe(tensor.dtype, tensor.shape), tensor.bytes.size()));
    }
  }
}

// What a hostile file made an error say, cut and without control characters.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, 300));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

// Wide elements first: behind a start that is aligned to 64 bytes each tensor is then aligned to its own
// element, and the format allows no padding in between.
std::vector<std::size_t> data_order(std::span<const TensorEntry> tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return dtype_size(tensors[a].dtype) > dtype_size(tensors[b].dtype);
  });
  return order;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata) {
  check_entries(tensors, metadata);
  SafetensorsHeader header;
  header.metadata = metadata;
  for (const TensorEntry& tensor : tensors)
    header.tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
  const std::vector<std::size_t> order = data_order(tensors);
  std::uint64_t end = 0;
  for (const std::size_t i : order) {
    header.tensors[i].begin = end;
    header.tensors[i].end = end += tensors[i].bytes.size();
  }

  const std::string unsigned_header = encode_header(header);
  Checksum checksum;
  checksum.add(unsigned_header.data(), unsigned_header.size());
  for (const std::size_t i : order) checksum.add(tensors[i].bytes.data(), tensors[i].bytes.size());
  header.metadata.emplace(kChecksumKey, checksum.digits());

  const std::string json = encode_header(header);
  const std::uint64_t length = json.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(json);
  for (const std::size_t i : order) file.write(tensors[i].bytes.data(), tensors[i].bytes.size());
  file.commit();
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  std::uint64_t length = 0;
  if (bytes.size() < kLengthBytes)
    fail_data("{}: not a safetensors file: it has {} bytes", path.string(), bytes.size());
  std::copy_n(bytes.data(), kLengthBytes, reinterpret_cast<std::byte*>(&length));
  if (length > kLargestHeader) {
    fail_data("{}: not a safetensors file: its header would have {} bytes", path.string(), length);
  }
  if (length > bytes.size() - kLengthBytes) {
    fail_data("{}: the file is truncated: {} bytes of a header of {}", path.string(),
              bytes.size() - kLengthBytes, length);
  }
  header_bytes_ = length;
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + length);
  SafetensorsHeader header;
  try {
    header = parse_header({reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length}, data.size());
  } catch (const std::runtime_error& error) {
    fail_data("{}: {}", path.string(), printable(error.what()));
  }
  metadata_ = std::move(header.metadata);
  for (TensorPlace& place : header.tensors) {
    index_.emplace(place.name, tensors_.size());
    tensors_.push_back({std::move(place.name), std::move(place.dtype), std::move(place.shape),
                        data.subspan(place.begin, place.end - place.begin)});
  }
}

void SafetensorsFile::verify() const {
  const auto stored = metadata_.find(std::string(kChecksumKey));
  if (stored == metadata_.end())
    fail_data("{}: it has no {}: it was not written by Filigree", path_.string(), kChecksumKey);
  const std::span<const std::byte> bytes = file_.bytes();
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header_bytes_);
  SafetensorsHeader header{{}, metadata_};
  for (const TensorEntry& tensor : tensors_) {
    const auto begin = static_cast<std::uint64_t>(tensor.bytes.data() - data.data());
    header.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, begin, begin + tensor.bytes.size()});
  }
  // The header must be the very bytes that we would write, or a change in its padding went unseen.
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, header_bytes_);
  bool same = json == encode_header(header);
  if (same) {
    header.metadata.erase(std::string(kChecksumKey));
    const std::string unsigned_header = encode_header(header);
    Checksum checksum;
    checksum.add(unsigned_header.data(), unsigned_header.size());
    checksum.add(data.data(), data.size());
    same = checksum.digits() == stored->second;
  }
  if (!same) fail_data("{}: the file was altered: its checksum does not match", path_.string());
}

bool SafetensorsFile::has(std::string_view name) const { return index_.contains(std::string(name)); }

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const TensorEntry& tensor : tensors_) names.push_back(tensor.name);
  return names;
}

TensorEntry SafetensorsFile::get(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  if (found != index_.end()) return tensors_[found->second];
  const std::string near = nearest(name, names());
  if (near.empty()) fail_data("{}: there is no tensor '{}', nor any other", path_.string(), name);
  fail_data("{}: there is no tensor '{}'; the nearest is '{}'", path_.string(), name, near);
}

std::span<const std::byte> SafetensorsFile::checked(std::string_view name, std::string_view dtype,
                                                    std::span<const std::int64_t> shape,
                                                    std::size_t alignment) const {
  const TensorEntry tensor = get(name);
  if (tensor.dtype != dtype ||
      !std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end())) {
    fail_data("{}: tensor '{}' is {}, not {}", path_.string(), name, describe(tensor.dtype, tensor.shape),
              describe(dtype, {shape.begin(), shape.end()}));
  }
  if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignment != 0) {
    fail_data("{}: tensor '{}' is not aligned to its elements; write the file again with Filigree",
              path_.string(), name);
  }
  return tensor.bytes;
}

}  // namespace filigree
