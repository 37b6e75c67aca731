// A pattern cut into smaller blocks: products that have no kernel for a block size run on these.
#pragma once

#include <cstdint>
#include <vector>

#include "filigree/sparse/bsr_pattern.h"

namespace filigree::sparse {

// Blocks of 32 and 64 are cut into blocks of 16; those of 2, and those that are not square, into single
// elements.
class Refinement {
 public:
  // With room for as many blocks as `coarse` has; empty until assign().
  explicit Refinement(const BsrPattern& coarse);
  // Takes the blocks of a pattern of the same shape.
  void assign(const BsrPattern& coarse);

  const BsrPattern& pattern() const { return fine_; }

  // Values of the coarse pattern in the order of the fine one.
  template <typename T>
  void refine(const T* coarse, T* fine) const;
  // And back; plus what is there where `accumulate`.
  template <typename T>
  void coarsen(const T* fine, bool accumulate, T* coarse) const;

 private:
  // body(fine block, where its first value is among the coarse ones) for each fine block, on all threads.
  template <typename Body>
  void for_each_block(const Body& body) const;

  BlockShape coarse_block_;
  BsrPattern fine_;
  // Those of the fine pattern, while it is made.
  std::vector<std::int32_t> offsets_;
  std::vector<std::int32_t> columns_;
  // Where the first value of each fine block is among the coarse values.
  std::vector<std::int64_t> places_;
};

}  // namespace filigree::sparse
