// Products of random shapes, blocks, patterns, types, layouts, threads, schedules and plans, each against the
// plain reference in double.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "filigree/base/isa.h"
#include "filigree/base/names.h"
#include "filigree/base/parallel.h"
#include "filigree/base/test_fuzzing.h"
#include "filigree/dense/activation.h"
#include "filigree/sparse/dsd.h"
#include "filigree/sparse/dynamic_pattern.h"
#include "filigree/sparse/pattern_kind.h"
#include "filigree/sparse/plan.h"
#include "filigree/sparse/reference.h"

namespace filigree::sparse {
namespace {

using dense::Activation;

enum class Element { kFloat32, kFloat64, kBFloat16 };
enum class Shape { kRandomKind, kEmptyRows, kOneDenseColumn, kEmpty, kFull };

// One product and how it is run.
struct Case {
  Element element;
  Product product;
  ActivationLayout layout;
  Isa isa;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t samples;
  BlockShape block = 1;
  Shape shape;
  PatternKind kind;
  std::int64_t blocks;
  // Elements behind each row of operands and result, and in front of the first.
  std::int64_t padding[3];
  std::int64_t offset;
  bool accumulate;
  bool bias;
  Activation activation;
  int threads;
  int other_threads;
  bool dynamic;
  bool planned;
  bool dense_fallback;
  Schedule schedule;
  // Small whole numbers: every sum is exact, in whatever order.
  bool exact;

  bool row_major() const { return layout == ActivationLayout::kRowMajor; }
  std::string text() const {
    constexpr const char* kElements[] = {"float32", "float64", "bfloat16"};
    constexpr const char* kShapes[] = {"", "empty rows", "one dense column", "empty", "full"};
    const std::string pattern = shape == Shape::kRandomKind
                                    ? name_of(kPatternKinds, kind, &PatternKindName::kind)
                                    : kShapes[static_cast<int>(shape)];
    return fmt::format(
        "{} {} {} on {}: w {} x {}, {} blocks of {}, {}; {} samples, padding {} {} {}, offset {}; accumulate "
        "{}, bias {}, activation {}; threads {} and {}; dynamic {}, planned {}, dense_fallback {}, schedule "
        "{} {} {}; exact {}",
        kElements[static_cast<int>(element)], name_of(kProducts, product, &ProductName::product),
        name_of(kActivationLayouts, layout, &ActivationLayoutName::layout), isa_name(isa), rows, columns,
        blocks, block.text(), pattern, samples, padding[0], padding[1], padding[2], offset, accumulate, bias,
        name_of(dense::kActivations, activation, &dense::ActivationName::activation), threads, other_threads,
        dynamic, planned, dense_fallback, schedule.panel_columns, schedule.activation_parts,
        schedule.group_parts, exact);
  }
};

template <typename T>
T one_of(const std::vector<T>& values, Philox& random) {
  return values[random.below(values.size())];
}

bool heads(Philox& random) { return random.below(2) == 0; }

std::int64_t prime_up_to(std::int64_t limit) {
  const auto prime = [](std::int64_t value) {
    for (std::int64_t d = 2; d * d <= value; ++d) {
      if (value % d == 0) return false;
    }
    return true;
  };
  while (limit > 2 && !prime(limit)) --limit;
  return limit;
}

// Sizes that kernels may take for special, and those beside them.
std::int64_t draw_size(std::int64_t most, std::int64_t block, Philox& random) {
  const auto limit = 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most)));
  const std::int64_t whole = std::max(block, limit / block * block);
  switch (random.below(5)) {
    case 0: return limit;
    case 1: return prime_up_to(limit);
    case 2: return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(limit)));
    case 3: return whole;
    default: return heads(random) ? whole + 1 : std::max<std::int64_t>(whole - 1, 1);
  }
}

Case draw_case(Philox& random) {
  // Few are larger than caches and windows; all are small enough for the plain reference.
  const std::vector<std::int64_t> features{1,   8,   8,   64,  64,   64,   64,   300,  300,
                                           300, 300, 300, 300, 1500, 1500, 1500, 6000, 30000};
  const std::vector<std::int64_t> samples{0, 1, 17, 17, 70, 70, 70, 130, 130, 130, 600, 600, 2600};
  constexpr std::int64_t kMostActivations = std::int64_t{1} << 20;
  constexpr std::int64_t kMostValues = std::int64_t{1} << 19;
  constexpr std::int64_t kMostTerms = std::int64_t{1} << 21;
  Case c{};
  c.element = one_of<Element>({Element::kFloat32, Element::kFloat32, Element::kFloat32, Element::kFloat64,
                               Element::kBFloat16, Element::kBFloat16},
                              random);
  const bool half = c.element == Element::kBFloat16;
  c.product = kProducts[random.below(half ? 2 : 3)].product;
  c.layout = half || heads(random) ? ActivationLayout::kRowMajor : ActivationLayout::kTokenMajor;
  // Most often what the machine has.
  c.isa = heads(random) ? detected_isa() : one_of(usable_isas(), random);
  c.block = one_of(std::vector<BlockShape>(std::begin(kBlockShapes), std::end(kBlockShapes)), random);
  c.rows = draw_size(one_of(features, random), c.block.rows, random);
  c.columns = draw_size(one_of(features, random), c.block.columns, random);
  const std::int64_t area = c.block.values();
  const std::int64_t most_samples = one_of(samples, random);
  if (most_samples > 0) {
    constexpr std::int64_t kVector = 16;
    c.samples = std::min({draw_size(most_samples, kVector, random), kMostActivations / (c.rows + c.columns),
                          kMostTerms / area / 4});
  }

  c.shape = static_cast<Shape>(std::min<std::uint64_t>(random.below(12), 4));
  // Most often one of the kinds.
  c.shape = c.shape == Shape::kFull && random.below(8) > 0 ? Shape::kRandomKind : c.shape;
  c.kind = kPatternKinds[random.below(std::size(kPatternKinds))].kind;
  const std::int64_t block_rows = (c.rows + c.block.rows - 1) / c.block.rows;
  const std::int64_t block_columns = (c.columns + c.block.columns - 1) / c.block.columns;
  const std::int64_t places = block_rows * block_columns;
  const std::int64_t most = std::max<std::int64_t>(
      1, std::min({places, kMostValues / area, kMostTerms / (area * std::max<std::int64_t>(c.samples, 1))}));
  c.blocks = c.shape == Shape::kFull ? most : std::clamp<std::int64_t>(places >> random.below(8), 1, most);
  if (c.shape == Shape::kRandomKind && c.kind == PatternKind::kOneDenseRow && c.blocks < block_columns) {
    c.kind = PatternKind::kUniform;
  }

  for (std::int64_t& padding : c.padding) {
    padding = one_of<std::int64_t>({0, 0, 1, 3, 16, 61}, random);
  }
  c.offset = one_of<std::int64_t>({0, 0, 1, 5, 16}, random);
  c.accumulate = heads(random);
  c.bias = c.product == Product::kForward && heads(random);
  c.activation = c.product == Product::kForward && heads(random)
                     ? dense::kActivations[random.below(std::size(dense::kActivations))].activation
                     : Activation::kNone;
  c.threads = one_of<int>({1, 2, 3, 5, 8}, random);
  c.other_threads = one_of<int>({1, 2, 4, 7}, random);
  c.dynamic = heads(random);
  c.planned = heads(random);
  c.dense_fallback = heads(random);
  c.schedule = {one_of<std::int64_t>({0, 0, 1, 16, 48, 1000}, random),
                one_of<std::int64_t>({0, 0, 1, 2, 7}, random), one_of<std::int64_t>({0, 0, 1, 3}, random)};
  c.exact = random.below(3) == 0;
  return c;
}

// `pattern`, with the columns of each block row changed by change(row, columns).
template <typename Change>
BsrPattern with_rows(const BsrPattern& pattern, const Change& change) {
  std::vector<std::int32_t> offsets{0};
  std::vector<std::int32_t> indices;
  for (std::int64_t r = 0; r < pattern.block_rows(); ++r) {
    const auto old = pattern.column_indices().subspan(
        static_cast<std::size_t>(pattern.row_offsets()[r]),
        static_cast<std::size_t>(pattern.row_offsets()[r + 1] - pattern.row_offsets()[r]));
    std::vector<std::int32_t> row(old.begin(), old.end());
    change(row);
    indices.insert(indices.end(), row.begin(), row.end());
    offsets.push_back(static_cast<std::int32_t>(indices.size()));
  }
  return {pattern.rows(), pattern.columns(), pattern.block(), std::move(offsets), std::move(indices)};
}

BsrPattern draw_pattern(const Case& c, Philox& random) {
  if (c.shape == Shape::kRandomKind) {
    return pattern_of_kind(c.kind, c.rows, c.columns, c.block, c.blocks, random);
  }
  BsrPattern uniform = BsrPattern::random(c.rows, c.columns, c.block, c.blocks, random);
  using Row = std::vector<std::int32_t>;
  switch (c.shape) {
    case Shape::kEmpty: return with_rows(uniform, [](Row& row) { row.clear(); });
    case Shape::kEmptyRows:
      return with_rows(uniform, [&](Row& row) {
        if (random.below(3) > 0) row.clear();
      });
    case Shape::kOneDenseColumn: {
      const auto column = static_cast<std::int32_t>(random.below(uniform.block_columns()));
      return with_rows(uniform, [&](Row& row) {
        const auto at = std::lower_bound(row.begin(), row.end(), column);
        if (at == row.end() || *at != column) row.insert(at, column);
      });
    }
    default: return uniform;
  }
}

double number(double value) { return value; }
double number(float value) { return double{value}; }
double number(BFloat16 value) { return double{static_cast<float>(value)}; }

template <typename T>
T draw_number(const Case& c, Philox& random) {
  const double value = c.exact ? static_cast<double>(random.below(9)) - 4 : 2 * random.uniform() - 1;
  return static_cast<T>(static_cast<float>(value));
}

template <typename T>
std::vector<T> draw_numbers(std::int64_t count, const Case& c, Philox& random) {
  std::vector<T> numbers(static_cast<std::size_t>(count));
  for (T& value : numbers) value = draw_number<T>(c, random);
  return numbers;
}

template <typename T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Activations as a product takes them. What lies between the rows is NaN: it may reach no result.
template <typename T>
class Activations {
 public:
  // Elements are NaN too, until fill().
  Activations(const Case& c, std::int64_t features, std::int64_t padding)
      : row_major_(c.row_major()),
        rows_(row_major_ ? features : c.samples),
        columns_(row_major_ ? c.samples : features),
        stride_(columns_ + padding),
        offset_(c.offset),
        data_(static_cast<std::size_t>(rows_ > 0 ? offset_ + (rows_ - 1) * stride_ + columns_ : offset_),
              static_cast<T>(std::numeric_limits<float>::quiet_NaN())) {}

  void fill(const Case& c, Philox& random) {
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t j = 0; j < columns_; ++j) view()(r, j) = draw_number<T>(c, random);
    }
  }

  MatrixView<T> view() { return {data_.data() + offset_, rows_, columns_, stride_}; }
  MatrixView<const T> view() const { return {data_.data() + offset_, rows_, columns_, stride_}; }
  T at(std::int64_t sample, std::int64_t feature) const {
    return row_major_ ? view()(feature, sample) : view()(sample, feature);
  }
  // [samples][features].
  std::vector<double> token_major() const {
    const std::int64_t samples = row_major_ ? columns_ : rows_;
    const std::int64_t features = row_major_ ? rows_ : columns_;
    std::vector<double> numbers;
    numbers.reserve(static_cast<std::size_t>(samples * features));
    for (std::int64_t s = 0; s < samples; ++s) {
      for (std::int64_t f = 0; f < features; ++f) numbers.push_back(number(at(s, f)));
    }
    return numbers;
  }
  // Whether all bytes are the same.
  bool same(const Activations& other) const { return same_bytes(data_, other.data_); }
  // Whether `after` differs in elements alone, not between them.
  bool kept_padding(const Activations& after) const {
    for (std::size_t i = 0; i < data_.size(); ++i) {
      const auto place = static_cast<std::int64_t>(i) - offset_;
      if (place >= 0 && place % stride_ < columns_) continue;
      const auto bytes = [i](const std::vector<T>& data) { return std::as_bytes(std::span(&data[i], 1)); };
      if (!std::ranges::equal(bytes(data_), bytes(after.data_))) return false;
    }
    return true;
  }

 private:
  bool row_major_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t stride_;
  std::int64_t offset_;
  std::vector<T> data_;
};

// x, y and the gradient of either, as far as the product has them.
template <typename T>
struct Operands {
  Operands(const Case& c, const BsrPattern& w, Philox& random)
      : x(c, c.columns, c.padding[0]),
        y(c, c.rows, c.padding[1]),
        values(draw_numbers<T>(w.value_count(), c, random)),
        bias(draw_numbers<T>(c.rows, c, random)) {
    // What is not added to holds NaN.
    const bool keep_x = c.product != Product::kGradInput || c.accumulate;
    const bool keep_y = c.product != Product::kForward || c.accumulate;
    if (keep_x) x.fill(c, random);
    if (keep_y) y.fill(c, random);
    gradient = c.accumulate ? draw_numbers<T>(w.value_count(), c, random)
                            : std::vector<T>(values.size(), static_cast<T>(std::nanf("")));
  }

  Activations<T> x;
  Activations<T> y;
  std::vector<T> values;
  std::vector<T> bias;
  std::vector<T> gradient;
};

template <typename T>
void run_directly(const Case& c, const BsrPattern& w, const Schedule& schedule, Operands<T>& o) {
  const T* const bias = c.bias ? o.bias.data() : nullptr;
  const T* const values = o.values.data();
  if (c.row_major()) {
    if (c.product == Product::kForward) {
      dsd<T>(w, values, o.x.view(), bias, o.y.view(), c.accumulate, c.activation, schedule);
    } else if (c.product == Product::kGradInput) {
      dsd_transposed<T>(w, values, o.y.view(), o.x.view(), c.accumulate, schedule);
    } else if constexpr (!std::is_same_v<T, BFloat16>) {
      sdd_row_major<T>(o.y.view(), o.x.view(), w, o.gradient.data(), c.accumulate);
    }
  } else if constexpr (!std::is_same_v<T, BFloat16>) {
    if (c.product == Product::kForward) {
      dds_transposed<T>(o.x.view(), w, values, bias, o.y.view(), c.accumulate, c.activation, schedule);
    } else if (c.product == Product::kGradInput) {
      dds<T>(o.y.view(), w, values, o.x.view(), c.accumulate, schedule);
    } else {
      sdd<T>(o.y.view(), o.x.view(), w, o.gradient.data(), c.accumulate);
    }
  }
}

template <typename T>
Execution run_planned(const Case& c, const Plan<T>& plan, Operands<T>& o) {
  switch (c.product) {
    case Product::kForward:
      plan.multiply(o.values.data(), o.x.view(), c.bias ? o.bias.data() : nullptr, o.y.view(), c.accumulate,
                    c.activation);
      break;
    case Product::kGradInput:
      plan.multiply(o.values.data(), o.y.view(), nullptr, o.x.view(), c.accumulate);
      break;
    case Product::kGradWeight: plan.gradient(o.y.view(), o.x.view(), o.gradient.data(), c.accumulate); break;
  }
  return plan.execution();
}

// A pattern that moves to `w` after another was there and ran.
template <typename T>
void encode(const Case& c, const BsrPattern& w, DynamicBsrPattern& moving, Philox& random) {
  if (heads(random)) {
    const std::int64_t count = std::max<std::int64_t>(1, moving.capacity() / 2);
    const BsrPattern before = BsrPattern::random(c.rows, c.columns, c.block, count, random);
    moving.encode(before.row_offsets(), before.column_indices());
    Operands<T> operands(c, before, random);
    run_directly(c, moving.pattern(), c.schedule, operands);
  }
  if (heads(random)) {
    moving.encode(w.row_offsets(), w.column_indices());
  } else {
    std::vector<std::pair<std::int32_t, std::int32_t>> blocks;
    w.for_each_block([&](std::int64_t, std::int64_t row, std::int64_t column) {
      blocks.emplace_back(static_cast<std::int32_t>(row), static_cast<std::int32_t>(column));
    });
    random.shuffle(blocks);
    std::vector<std::int32_t> rows;
    std::vector<std::int32_t> columns;
    for (const auto& [row, column] : blocks) {
      rows.push_back(row);
      columns.push_back(column);
    }
    moving.encode_coo(rows, columns);
  }
  ASSERT_EQ(moving.pattern(), w);
}

// Runs the product as the case has it.
template <typename T>
Execution run(const Case& c, const BsrPattern& w, Operands<T>& operands, Philox& random) {
  const PlanOptions options{.product = c.product,
                            .layout = c.layout,
                            .samples = std::max<std::int64_t>(c.samples, 1),
                            .dense_fallback = c.dense_fallback};
  if (c.dynamic) {
    const std::int64_t places = w.block_rows() * w.block_columns();
    DynamicBsrPattern moving(
        c.rows, c.columns, c.block,
        std::min(places, w.block_count() + 1 + static_cast<std::int64_t>(random.below(4))));
    std::optional<Plan<T>> plan;
    if (c.planned) plan.emplace(moving, options);
    encode<T>(c, w, moving, random);
    if (plan) {
      plan->renew();
      return run_planned(c, *plan, operands);
    }
    run_directly(c, moving.pattern(), c.schedule, operands);
    return Execution::kSparse;
  }
  if (c.planned) return run_planned(c, Plan<T>(w, options), operands);
  run_directly(c, w, c.schedule, operands);
  return Execution::kSparse;
}

// The reference's results, [samples][features] or as values, and by how much a result may differ.
class Expected {
 public:
  template <typename T>
  Expected(const Case& c, const BsrPattern& w, const Operands<T>& o)
      : case_(c), exact_(result(c, w, o, [](double value) { return value; })) {
    // Sums of magnitudes, which rounding errors are in proportion to.
    if (!c.exact) magnitude_ = result(c, w, o, [](double value) { return std::abs(value); });
    count_terms(w);
  }

  std::size_t size() const { return exact_.size(); }
  // By how much more than rounding `got` differs from result i, of feature f (0 for gradients of weights).
  template <typename T>
  double excess(T got, std::size_t i, std::int64_t f) const {
    double exact = exact_[i];
    double allowed = 0;
    if (!case_.exact) {
      // An FP32 sum of n terms, by the probabilistic bound of Higham and Mary (2019, doi
      // 10.1137/18M1226312): sqrt(n) unit roundoffs of the sum of magnitudes, six standard deviations. The
      // reference's own rounding is as large as that of FP64 products.
      const double roundoff = std::is_same_v<T, double> ? 0x1p-52 : 0x1p-24;
      allowed = (4 + 6 * std::sqrt(terms_[static_cast<std::size_t>(f)])) * roundoff * magnitude_[i];
    }
    if (case_.activation != Activation::kNone) {
      dense::activation_kernel<double>(case_.activation)(&exact, 1);
      // Slopes are below 1.13, and the functions have errors of their own.
      const double own = std::is_same_v<T, double> ? 1e-14 : 1e-6;
      const bool rounds = case_.activation != Activation::kRelu;
      allowed = 1.13 * allowed + (rounds ? own * std::max(1.0, std::abs(exact)) : 0);
    }
    if constexpr (std::is_same_v<T, BFloat16>) {
      if (allowed == 0) {
        exact = number(BFloat16(static_cast<float>(exact)));
      } else {
        allowed += 0x1p-8 * (std::abs(exact) + allowed);
      }
    }
    const double difference = std::abs(number(got) - exact);
    // Not the other way round: NaN is wrong.
    return difference <= allowed ? 0 : difference - allowed;
  }
  double exact(std::size_t i) const { return exact_[i]; }

 private:
  // The reference on convert(each operand).
  template <typename T, typename Convert>
  static std::vector<double> result(const Case& c, const BsrPattern& w, const Operands<T>& o,
                                    const Convert& convert) {
    const auto converted = [&](std::vector<double> numbers) {
      for (double& value : numbers) value = convert(value);
      return numbers;
    };
    const auto numbers = [&](const std::vector<T>& from) {
      std::vector<double> to;
      to.reserve(from.size());
      for (const T value : from) to.push_back(number(value));
      return converted(std::move(to));
    };
    std::vector<double> x = converted(o.x.token_major());
    std::vector<double> y = converted(o.y.token_major());
    std::vector<double> gradient = numbers(o.gradient);
    const std::vector<double> values = numbers(o.values);
    const std::vector<double> bias = numbers(o.bias);
    const MatrixView<double> x_view(x.data(), c.samples, c.columns);
    const MatrixView<double> y_view(y.data(), c.samples, c.rows);
    switch (c.product) {
      case Product::kForward:
        reference::dds_transposed<double>(x_view, w, values.data(), c.bias ? bias.data() : nullptr, y_view,
                                          c.accumulate);
        return y;
      case Product::kGradInput:
        reference::dds<double>(y_view, w, values.data(), x_view, c.accumulate);
        return x;
      case Product::kGradWeight: break;
    }
    reference::sdd<double>(y_view, x_view, w, gradient.data(), c.accumulate);
    return gradient;
  }

  void count_terms(const BsrPattern& w) {
    if (case_.product == Product::kGradWeight) {
      terms_.assign(1, static_cast<double>(case_.samples + 1));
      return;
    }
    const bool forward = case_.product == Product::kForward;
    const auto offsets = forward ? w.row_offsets() : w.column_offsets();
    const BlockShape block = forward ? w.block() : w.block().transposed();
    terms_.resize(static_cast<std::size_t>(forward ? w.rows() : w.columns()));
    for (std::size_t f = 0; f < terms_.size(); ++f) {
      const std::size_t group = f / static_cast<std::size_t>(block.rows);
      terms_[f] = static_cast<double>((offsets[group + 1] - offsets[group]) * block.columns + 2);
    }
  }

  const Case& case_;
  std::vector<double> exact_;
  std::vector<double> magnitude_;
  // Of each feature's sums.
  std::vector<double> terms_;
};

// Element by element, naming the first that is wrong.
template <typename T>
void check_result(const Case& c, const Expected& expected, const Operands<T>& got) {
  const auto check = [&](T value, std::size_t i, std::int64_t f) {
    const double excess = expected.excess(value, i, f);
    ASSERT_TRUE(excess == 0) << "result " << i << " is " << number(value) << ", which is " << excess
                             << " further than rounding from " << expected.exact(i)
                             << " (before any activation)";
  };
  if (c.product == Product::kGradWeight) {
    for (std::size_t i = 0; i < expected.size() && !testing::Test::HasFatalFailure(); ++i) {
      check(got.gradient[i], i, 0);
    }
    return;
  }
  const bool forward = c.product == Product::kForward;
  const std::int64_t features = forward ? c.rows : c.columns;
  for (std::size_t i = 0; i < expected.size() && !testing::Test::HasFatalFailure(); ++i) {
    const auto sample = static_cast<std::int64_t>(i) / features;
    const std::int64_t feature = static_cast<std::int64_t>(i) % features;
    check((forward ? got.y : got.x).at(sample, feature), i, feature);
  }
}

template <typename T>
void check_case(const Case& c, Philox& random) {
  const BsrPattern w = draw_pattern(c, random);
  const Operands<T> operands(c, w, random);
  const Expected expected(c, w, operands);

  set_thread_count(c.threads);
  Operands<T> got = operands;
  const Execution execution = run(c, w, got, random);
  check_result(c, expected, got);
  if (testing::Test::HasFatalFailure()) return;

  set_thread_count(c.other_threads);
  Operands<T> again = operands;
  run_directly(c, w, {}, again);
  if (execution == Execution::kSparse) {
    EXPECT_TRUE(again.x.same(got.x) && again.y.same(got.y) && same_bytes(again.gradient, got.gradient))
        << "other bits on other threads, or without plan and schedule";
  } else {
    check_result(c, expected, again);
  }
  for (const Operands<T>* after : {&got, &again}) {
    EXPECT_TRUE(operands.x.kept_padding(after->x) && operands.y.kept_padding(after->y))
        << "elements between the rows have changed";
  }
}

// Puts instruction set and threads back.
class Surroundings {
 public:
  ~Surroundings() {
    force_isa(isa_);
    set_thread_count(threads_);
  }

 private:
  Isa isa_ = chosen_isa();
  int threads_ = thread_count();
};

TEST(ProductsFuzz, AgreeWithThePlainReference) {
  const Surroundings before;
  constexpr std::chrono::seconds kTime(5);
  test::fuzz(kTime, [&](std::uint64_t seed) {
    Philox random(seed, Purpose::kTest);
    const Case c = draw_case(random);
    SCOPED_TRACE(c.text());
    force_isa(c.isa);
    switch (c.element) {
      case Element::kFloat32: check_case<float>(c, random); break;
      case Element::kFloat64: check_case<double>(c, random); break;
      case Element::kBFloat16: check_case<BFloat16>(c, random); break;
    }
  });
}

}  // namespace
}  // namespace filigree::sparse
