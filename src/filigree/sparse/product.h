// Which product of a block-sparse matrix, and how its activations lie.
#pragma once

#include <string_view>

namespace filigree::sparse {

// The three products of training; gradients are those of forward, y = w x.
enum class Product { kForward, kGradInput, kGradWeight };
// Where the activations' features are: in rows (x is k x n), as PopSparse has them, or in columns (x is n x
// k), as networks have them.
enum class ActivationLayout { kRowMajor, kTokenMajor };

struct ProductName {
  Product product;
  std::string_view name;
};
inline constexpr ProductName kProducts[] = {{Product::kForward, "forward"},
                                            {Product::kGradInput, "grad-input"},
                                            {Product::kGradWeight, "grad-weight"}};
struct ActivationLayoutName {
  ActivationLayout layout;
  std::string_view name;
};
inline constexpr ActivationLayoutName kActivationLayouts[] = {{ActivationLayout::kRowMajor, "row-major"},
                                                              {ActivationLayout::kTokenMajor, "token-major"}};

}  // namespace filigree::sparse
