// File descriptors: owned, and written to the last byte.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

namespace filigree {

// Owns a descriptor and closes it at the end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  // As open(2) with O_CLOEXEC. Where that fails, is_open() is false and errno says why.
  static Descriptor open(const std::filesystem::path& path, int flags, mode_t mode = 0);
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }

  bool is_open() const { return value_ >= 0; }
  int get() const { return value_; }
  void close();

 private:
  int value_ = -1;
};

// Writes all of `bytes` at the descriptor's position, or at `offset`. Gives 0, or errno of the write that
// failed.
int write_all(const Descriptor& file, std::string_view bytes);
int write_all_at(const Descriptor& file, std::string_view bytes, std::uint64_t offset);

}  // namespace filigree
