// A small vocabulary and corpus for the tests of this folder.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/models/bert/batch.h"
#include "filigree/models/bert/config.h"
#include "filigree/text/vocabulary.h"

namespace filigree::models::testing {

// Specials 0..4, words w0..w39 (5..44), continuations ##c0..##c14 (45..59).
inline text::Vocabulary small_vocabulary() {
  std::vector<std::string> pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (int i = 0; i < 40; ++i) pieces.push_back(fmt::format("w{}", i));
  for (int i = 0; i < 15; ++i) pieces.push_back(fmt::format("##c{}", i));
  return text::Vocabulary(std::move(pieces));
}

inline BertConfig small_config() {
  BertConfig config;
  config.vocabulary = 60;
  config.layers = 2;
  config.hidden = 32;
  config.heads = 2;
  config.intermediate = 64;
  config.max_positions = 16;
  return config;
}

// Sequences of 16 with lengths 16, 9, 12, 16, ... and three predictions each.
inline MlmBatch small_batch(std::int64_t size, std::uint64_t index, bool next_sentence = false) {
  Philox random(1, Purpose::kTest, index);
  MlmBatch batch;
  batch.batch = size;
  batch.sequence = 16;
  for (std::int64_t b = 0; b < size; ++b) {
    constexpr std::int32_t kLengths[] = {16, 9, 12, 16};
    const std::int32_t length = kLengths[b % 4];
    batch.lengths.push_back(length);
    for (std::int32_t i = 0; i < 16; ++i) {
      batch.ids.push_back(i < length ? static_cast<std::int32_t>(5 + random.below(55)) : 0);
    }
    for (const std::int64_t place : {2, 5, 7}) {
      batch.positions.push_back(b * 16 + place);
      batch.labels.push_back(static_cast<std::int64_t>(5 + random.below(55)));
    }
    if (next_sentence) batch.next_labels.push_back(static_cast<std::int64_t>(random.below(2)));
  }
  return batch;
}

}  // namespace filigree::models::testing
