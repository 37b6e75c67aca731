#include "filigree/sparse/plan.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "filigree/base/aligned.h"
#include "filigree/base/error.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/sparse/converted.h"
#include "filigree/sparse/dense_fallback.h"
#include "filigree/sparse/few_columns.h"
#include "filigree/sparse/refinement.h"
#include "filigree/sparse/run_index.h"

namespace filigree::sparse {
namespace {

void check_options(const PlanOptions& options) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  if (options.samples < 1 || options.samples > kMost) {
    fail_usage("a plan is made for 1 to {} samples, not {}", kMost, options.samples);
  }
}

// Uniform on [-1, 1].
template <typename T>
AlignedVector<T> draw(std::int64_t count, Philox& random) {
  AlignedVector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(static_cast<float>(2 * random.uniform() - 1));
  return values;
}

// The schedules that timing tries, the one by rule first; with panels of several widths, or without panels.
std::vector<Schedule> candidates(const BsrPattern& w, const PlanOptions& options, bool with_panels) {
  std::vector<Schedule> found{{}};
  const std::int64_t threads = thread_count();
  const bool row_major = options.layout == ActivationLayout::kRowMajor;
  std::vector<std::int64_t> panels{0};
  if (with_panels) panels = {0, 64, 48, 32, 16};
  // Threads share columns or tokens, or groups, or both.
  for (const std::int64_t panel : panels) {
    for (std::int64_t group_parts = 1; group_parts <= threads; group_parts *= 2) {
      const std::int64_t columns = (threads + group_parts - 1) / group_parts;
      const std::int64_t parts = row_major || threads == 1 ? columns : 8 * columns;
      if (group_parts > w.block_rows() || group_parts > w.block_columns()) break;
      found.push_back({panel, parts, group_parts});
    }
  }
  return found;
}

}  // namespace

template <typename T>
Plan<T>::Plan(std::shared_ptr<const BsrPattern> w, const PlanOptions& options)
    : w_(std::move(w)), options_(options) {
  check_options(options);
  renew();
  prepare();
}

template <typename T>
Plan<T>::Plan(BsrPattern w, const PlanOptions& options)
    : Plan(std::make_shared<const BsrPattern>(std::move(w)), options) {
  if (options.measure) choose_by_timing();
}

// Not owned: a pointer that deletes nothing.
template <typename T>
Plan<T>::Plan(const DynamicBsrPattern& w, const PlanOptions& options)
    : Plan(std::shared_ptr<const BsrPattern>(std::shared_ptr<void>(), &w.pattern()), options) {
  if (options.measure) choose_by_timing();
}

template <typename T>
void Plan<T>::renew() {
  cost_ = estimate_cost(*w_, {.product = options_.product,
                              .layout = options_.layout,
                              .element_bytes = static_cast<int>(sizeof(T)),
                              .multiplies_bf16 = std::is_same_v<T, BFloat16> || Float8<T>,
                              .samples = options_.samples,
                              .threads = thread_count(),
                              .isa = chosen_isa()});
  const bool may_fall_back = options_.dense_fallback && kHasDenseFallback<T>;
  execution_ = may_fall_back && cost_.dense < cost_.sparse ? Execution::kDense : Execution::kSparse;
}

template <typename T>
bool Plan<T>::multiplies_pairs() const {
  constexpr bool kBf16 = std::is_same_v<T, BFloat16> || Float8<T>;
  return kBf16 && options_.layout == ActivationLayout::kRowMajor &&
         options_.product != Product::kGradWeight && has_pair_kernel(*w_);
}

template <typename T>
bool Plan<T>::few_columns() const {
  return runs_few_columns_kernel(w_->block(), options_.product, options_.samples, std::is_same_v<T, double>,
                                 multiplies_pairs());
}

template <typename T>
void Plan<T>::prepare() const {
  if (execution_ == Execution::kDense || few_columns()) return;
  const BsrPattern& w = w_->ragged() ? w_->padded() : *w_;
  const bool row_major = options_.layout == ActivationLayout::kRowMajor;
  if (row_major && options_.product != Product::kGradWeight) {
    if (w.block() != 1 || std::is_same_v<T, double>) return;
    options_.product == Product::kForward ? (void)w.row_runs() : (void)w.column_runs();
  } else if (options_.product == Product::kGradWeight ? !kernels::has_sdd(w.block())
                                                      : !kernels::has_dds(w.block())) {
    (void)w.refinement();
  }
}

// The median of a few turns of each, in turn; a schedule must be clearly better than the one by rule.
template <typename T>
void Plan<T>::choose_by_timing() {
  if (execution_ == Execution::kDense || options_.product == Product::kGradWeight) return;
  constexpr int kTurns = 7;
  constexpr double kClearly = 0.98;
  constexpr double kLeastSeconds = 1e-3;
  struct Contender {
    Schedule schedule;
    std::vector<double> seconds = {};
  };
  std::vector<Contender> contenders;
  const bool with_panels = options_.layout == ActivationLayout::kRowMajor && !few_columns();
  for (const Schedule& schedule : candidates(*w_, options_, with_panels)) contenders.push_back({schedule});

  Philox random(1, Purpose::kTest);
  const std::int64_t n = options_.samples;
  const bool row_major = options_.layout == ActivationLayout::kRowMajor;
  const bool forward = options_.product == Product::kForward;
  const auto view = [&](auto* data, std::int64_t features) {
    using Element = std::remove_pointer_t<decltype(data)>;
    return row_major ? MatrixView<Element>(data, features, n) : MatrixView<Element>(data, n, features);
  };
  const AlignedVector<T> values = draw<T>(w_->value_count(), random);
  const std::int64_t inputs = forward ? w_->columns() : w_->rows();
  const std::int64_t outputs = forward ? w_->rows() : w_->columns();
  const AlignedVector<T> in = draw<T>(inputs * n, random);
  AlignedVector<Result> out(static_cast<std::size_t>(outputs * n));
  const auto once = [&](const Contender& contender) {
    run(values.data(), view(in.data(), inputs), nullptr, view(out.data(), outputs), false,
        dense::Activation::kNone, execution_, contender.schedule);
  };
  const auto seconds_of = [&](const Contender& contender, int repetitions) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i) once(contender);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repetitions;
  };
  once(contenders.front());
  const double rule_seconds = seconds_of(contenders.front(), 1);
  const int repetitions = static_cast<int>(std::clamp(kLeastSeconds / rule_seconds, 1.0, 100.0));
  for (int turn = 0; turn < kTurns; ++turn) {
    for (Contender& contender : contenders) contender.seconds.push_back(seconds_of(contender, repetitions));
  }
  const auto median = [](Contender& contender) {
    const auto middle = contender.seconds.begin() + kTurns / 2;
    std::nth_element(contender.seconds.begin(), middle, contender.seconds.end());
    return *middle;
  };
  double best = median(contenders.front()) * kClearly;
  for (Contender& contender : contenders) {
    const double seconds = median(contender);
    if (seconds >= best) continue;
    best = seconds;
    schedule_ = contender.schedule;
  }
}

template <typename T>
void Plan<T>::run(const T* values, ConstView<T> in, const Result* bias, MatrixView<Result> out,
                  bool accumulate, dense::Activation activation, Execution execution,
                  const Schedule& schedule) const {
  if constexpr (kHasDenseFallback<T>) {
    if (execution == Execution::kDense) {
      dense_multiply<T>(options_.product, options_.layout, *w_, values, in, bias, out, accumulate,
                        activation);
      return;
    }
  }
  const bool forward = options_.product == Product::kForward;
  if (options_.layout == ActivationLayout::kRowMajor) {
    forward ? dsd<T>(*w_, values, in, bias, out, accumulate, activation, schedule)
            : dsd_transposed<T>(*w_, values, in, out, accumulate, schedule);
  } else {
    forward ? dds_transposed<T>(in, *w_, values, bias, out, accumulate, activation, schedule)
            : dds<T>(in, *w_, values, out, accumulate, schedule);
  }
}

template <typename T>
void Plan<T>::multiply(const T* values, ConstView<T> in, const Result* bias, MatrixView<Result> out,
                       bool accumulate, dense::Activation activation) const {
  if (options_.product == Product::kGradWeight) {
    fail_usage("this plan is for the gradient of weights: call gradient()");
  }
  if (options_.product == Product::kGradInput && bias != nullptr) {
    fail_usage("the gradient of the input has no bias");
  }
  if (options_.product == Product::kGradInput && activation != dense::Activation::kNone) {
    fail_usage("the gradient of the input has no activation");
  }
  run(values, in, bias, out, accumulate, activation, execution_, schedule_);
}

template <typename T>
template <StoresGradientOf<T> G>
void Plan<T>::gradient(ConstView<T> dy, ConstView<T> x, G* gradient, bool accumulate) const {
  if (options_.product != Product::kGradWeight) {
    fail_usage("this plan is not for the gradient of weights: call multiply()");
  }
  if constexpr (kHasDenseFallback<T>) {
    if (execution_ == Execution::kDense) {
      dense_gradient<T>(options_.layout, dy, x, *w_, gradient, accumulate);
      return;
    }
  }
  if (options_.layout == ActivationLayout::kRowMajor) {
    sdd_row_major<T>(dy, x, *w_, gradient, accumulate);
  } else {
    sdd<T>(dy, x, *w_, gradient, accumulate);
  }
}

template class Plan<float>;
template class Plan<double>;
template class Plan<BFloat16>;
template class Plan<Float16>;
template class Plan<Float8E4M3>;
template class Plan<Float8E5M2>;

template void Plan<float>::gradient(ConstView<float>, ConstView<float>, float*, bool) const;
template void Plan<double>::gradient(ConstView<double>, ConstView<double>, double*, bool) const;
template void Plan<BFloat16>::gradient(ConstView<BFloat16>, ConstView<BFloat16>, BFloat16*, bool) const;
template void Plan<BFloat16>::gradient(ConstView<BFloat16>, ConstView<BFloat16>, float*, bool) const;
template void Plan<Float16>::gradient(ConstView<Float16>, ConstView<Float16>, Float16*, bool) const;
template void Plan<Float16>::gradient(ConstView<Float16>, ConstView<Float16>, float*, bool) const;
template void Plan<Float8E4M3>::gradient(ConstView<Float8E4M3>, ConstView<Float8E4M3>, float*, bool) const;
template void Plan<Float8E5M2>::gradient(ConstView<Float8E5M2>, ConstView<Float8E5M2>, float*, bool) const;

}  // namespace filigree::sparse
