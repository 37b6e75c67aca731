#include "filigree/sparse/block_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "filigree/base/error.h"

namespace filigree::sparse {

std::string BlockShape::text() const {
  return square() ? fmt::format("{}", rows) : fmt::format("{}x{}", rows, columns);
}

bool is_block_shape(BlockShape shape) {
  return std::find(std::begin(kBlockShapes), std::end(kBlockShapes), shape) != std::end(kBlockShapes);
}

std::string block_shapes_text() {
  std::string text;
  for (const BlockShape shape : kBlockShapes) text += (text.empty() ? "" : ", ") + shape.text();
  return text;
}

std::string block_sizes_text() {
  std::string text;
  for (const BlockShape shape : kBlockShapes) {
    if (shape.square()) text += (text.empty() ? "" : ", ") + shape.text();
  }
  return text;
}

BlockShape parse_block_shape(std::string_view text) {
  const auto* const found = std::find_if(std::begin(kBlockShapes), std::end(kBlockShapes),
                                         [&](BlockShape shape) { return shape.text() == text; });
  if (found == std::end(kBlockShapes)) {
    fail_usage("a block of '{}' is not supported; choose {}", text, block_shapes_text());
  }
  return *found;
}

}  // namespace filigree::sparse
