#include "filigree/scaling/attention.h"

#include <algorithm>
#include <cmath>

#include "filigree/base/error.h"
#include "filigree/scaling/arguments.h"
#include "filigree/scaling/quadrature.h"
#include "filigree/scaling/softmax_moments.h"

namespace filigree::scaling {
namespace {

void check(const AttentionShape& shape) {
  checked_size(shape.queries, "queries");
  if (shape.keys < 2) fail_usage("attention has gradients from 2 keys on, not with {}", shape.keys);
  const double head_size = checked_size(shape.head_size, "head size");
  checked_between(shape.scale * std::sqrt(head_size), 1e-6, 32, "scale * sqrt(head size)");
  checked_probability(shape.dropout, "dropout");
  if (shape.causal && shape.queries != shape.keys) {
    fail_usage("causal attention has as many queries as keys, not {} and {}", shape.queries, shape.keys);
  }
}

// What a query that sees n keys gives, summed over the keys, before scale, head size and dropout enter.
struct QueryMoments {
  double value = 0;  // E[p_j^2]: of its output, and of the gradients of the values
  double query = 0;  // of a component of its gradient
  double key = 0;    // of a component of the gradients of the keys
};

// Given the query, the logits are independent and N(0, (scale |q|)^2): everything is a mean over |q|, which
// is chi-distributed.
class QueryIntegral {
 public:
  explicit QueryIntegral(const AttentionShape& shape) : head_size_(static_cast<double>(shape.head_size)) {
    for (const ChiNode& node : chi_nodes(head_size_)) {
      nodes_.push_back({node, SoftmaxIntegral(shape.scale * node.value, shape.keys)});
    }
  }

  QueryMoments moments(std::int64_t keys) const {
    QueryMoments sums;
    for (const auto& [q, softmax] : nodes_) {
      const SoftmaxMoments p = softmax.moments(keys);
      const double weight = q.weight * p.n;
      sums.value += weight * p.square;
      // The gradient of logit j times a component of q.
      sums.key += weight * p.backward * q.value * q.value / head_size_;
      // The same times a component of k_j: those across q are independent of the logits, the one along q is
      // what the logits are made of.
      sums.query += weight * (p.backward * (head_size_ - 1) + p.backward_along) / head_size_;
    }
    return sums;
  }

 private:
  struct Node {
    ChiNode q;
    SoftmaxIntegral softmax;
  };
  double head_size_;
  std::vector<Node> nodes_;
};

// Numbers of keys that the moments are computed for: the first few one by one, then four in an octave.
std::vector<std::int64_t> supports(std::int64_t last) {
  std::vector<std::int64_t> counts;
  const auto next = [](std::int64_t n) {
    return std::max(n + 1, static_cast<std::int64_t>(static_cast<double>(n) * std::exp2(0.25)));
  };
  for (std::int64_t n = 1; n < last; n = next(n)) counts.push_back(n);
  counts.push_back(last);
  return counts;
}

// Between x0 and x1 a power of x.
double interpolate(double y0, double y1, double part) { return y0 * std::pow(y1 / y0, part); }

// For each query. Between supports moments are nearly powers of the number of keys: within 0.1 %.
std::vector<QueryMoments> moments_by_position(const AttentionShape& shape) {
  check(shape);
  const QueryIntegral integral(shape);
  std::vector<QueryMoments> moments;
  if (!shape.causal) {
    moments.assign(static_cast<std::size_t>(shape.queries), integral.moments(shape.keys));
    return moments;
  }
  std::int64_t lower = 0;
  QueryMoments at_lower;
  for (const std::int64_t upper : supports(shape.keys)) {
    const QueryMoments at_upper = integral.moments(upper);
    for (std::int64_t n = lower + 1; n < upper; ++n) {
      const auto from_lower = static_cast<double>(n) / static_cast<double>(lower);
      const double part =
          std::log(from_lower) / std::log(static_cast<double>(upper) / static_cast<double>(lower));
      moments.push_back({.value = interpolate(at_lower.value, at_upper.value, part),
                         .query = interpolate(at_lower.query, at_upper.query, part),
                         .key = interpolate(at_lower.key, at_upper.key, part)});
    }
    moments.push_back(at_upper);
    lower = upper;
    at_lower = at_upper;
  }
  return moments;
}

}  // namespace

Factors attention(const AttentionShape& shape) {
  QueryMoments sums;
  for (const QueryMoments& moments : moments_by_position(shape)) {
    sums.value += moments.value;
    sums.query += moments.query;
    sums.key += moments.key;
  }
  const auto queries = static_cast<double>(shape.queries);
  const auto keys = static_cast<double>(shape.keys);
  const double kept = 1 - shape.dropout;
  // The gradient of a probability is a dot product of head_size terms, through dropout.
  const double logits = shape.scale * shape.scale * static_cast<double>(shape.head_size);
  return {.output = std::sqrt(kept * queries / sums.value),
          .inputs = {std::sqrt(kept * queries / (logits * sums.query)),
                     std::sqrt(kept * keys / (logits * sums.key)), std::sqrt(kept * keys / sums.value)}};
}

std::vector<double> attention_output_by_position(const AttentionShape& shape) {
  std::vector<double> factors;
  for (const QueryMoments& moments : moments_by_position(shape)) {
    factors.push_back(std::sqrt((1 - shape.dropout) / moments.value));
  }
  return factors;
}

}  // namespace filigree::scaling
