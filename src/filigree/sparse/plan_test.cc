#include "filigree/sparse/plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "filigree/base/file.h"
#include "filigree/base/isa.h"
#include "filigree/base/parallel.h"
#include "filigree/base/test_support.h"
#include "filigree/numerics/safetensors.h"
#include "filigree/sparse/counted_allocations.h"

namespace filigree::sparse {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryFolder;

BsrPattern draw(std::int64_t rows, std::int64_t columns, BlockShape block, double density,
                std::uint64_t seed = 1) {
  Philox random(seed, Purpose::kTest);
  return BsrPattern::random(rows, columns, block, block_count_for_density(rows, columns, block, density),
                            random);
}

template <typename T>
std::vector<T> numbers(std::int64_t count, std::uint64_t seed) {
  Philox random(seed, Purpose::kTest);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(2 * random.uniform() - 1);
  return values;
}

// Operands of one product, and what a plan makes of them.
template <typename T>
class Case {
 public:
  Case(const BsrPattern& w, const PlanOptions& options)
      : w_(w),
        options_(options),
        values_(numbers<T>(w.value_count(), 1)),
        x_(numbers<T>(w.columns() * options.samples, 2)),
        y_(numbers<T>(w.rows() * options.samples, 3)),
        bias_(numbers<T>(w.rows(), 4)) {}

  std::vector<T> run(const Plan<T>& plan, bool accumulate) const {
    const bool forward = options_.product == Product::kForward;
    if (options_.product == Product::kGradWeight) {
      std::vector<T> gradient(values_.size(), T{1});
      plan.gradient(y(), x(), gradient.data(), accumulate);
      return gradient;
    }
    const std::int64_t features = forward ? w_.rows() : w_.columns();
    std::vector<T> out(static_cast<std::size_t>(features * options_.samples), T{1});
    plan.multiply(values_.data(), forward ? x() : y(), forward ? bias_.data() : nullptr,
                  view(out.data(), features), accumulate);
    return out;
  }

 private:
  template <typename E>
  MatrixView<E> view(E* data, std::int64_t features) const {
    return options_.layout == ActivationLayout::kRowMajor ? MatrixView<E>(data, features, options_.samples)
                                                          : MatrixView<E>(data, options_.samples, features);
  }
  MatrixView<const T> x() const { return view(x_.data(), w_.columns()); }
  MatrixView<const T> y() const { return view(y_.data(), w_.rows()); }

  const BsrPattern& w_;
  PlanOptions options_;
  std::vector<T> values_;
  std::vector<T> x_;
  std::vector<T> y_;
  std::vector<T> bias_;
};

template <typename T>
void expect_near(const std::vector<T>& found, const std::vector<T>& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], tolerance) << i;
}

void for_each_product(const std::function<void(const PlanOptions&)>& body) {
  for (const ProductName& product : kProducts) {
    for (const ActivationLayoutName& layout : kActivationLayouts) {
      SCOPED_TRACE(fmt::format("{}, {}", product.name, layout.name));
      body({.product = product.product, .layout = layout.layout, .samples = 33});
    }
  }
}

// Where all blocks exist the model chooses dense in place of plain loops, where few do sparse; both compute
// the same.
TEST(Plan, FallsBackToDenseAndComputesTheSame) {
  const Isa before = chosen_isa();
  force_isa(Isa::kPortable);
  for_each_product([](PlanOptions options) {
    for (const int block : {1, 4, 16, 32}) {
      for (const bool ragged : {false, true}) {
        SCOPED_TRACE(block);
        const std::int64_t rows = 64 + (ragged && block > 1 ? 3 : 0);
        const std::int64_t columns = 96 + (ragged && block > 1 ? 5 : 0);
        const BsrPattern full = draw(rows, columns, block, 1.0);
        options.dense_fallback = false;
        const Plan<double> sparse(full, options);
        EXPECT_EQ(sparse.execution(), Execution::kSparse);
        options.dense_fallback = true;
        const Plan<double> dense(full, options);
        EXPECT_EQ(dense.execution(), Execution::kDense);
        const Case<double> operands(full, options);
        for (const bool accumulate : {false, true}) {
          expect_near(operands.run(dense, accumulate), operands.run(sparse, accumulate), 1e-12);
        }
      }
    }
  });
  force_isa(before);
  for_each_product([](const PlanOptions& options) {
    EXPECT_EQ(Plan<float>(draw(512, 512, 16, 0.1), options).execution(), Execution::kSparse);
  });
}

// Types of 16 bits and fewer: plans call the products, and never dense ones.
template <typename T>
class PlanOfNarrowType : public testing::Test {};
using NarrowTypes = testing::Types<BFloat16, Float16, Float8E4M3, Float8E5M2>;
TYPED_TEST_SUITE(PlanOfNarrowType, NarrowTypes);

TYPED_TEST(PlanOfNarrowType, MultipliesWhatItIsPlannedFor) {
  using Result = ResultOf<TypeParam>;
  const TemporaryFolder folder;
  const BsrPattern full = draw(32, 32, 8, 1.0);
  const auto ones = [](std::int64_t count) {
    return std::vector<TypeParam>(static_cast<std::size_t>(count), TypeParam(1.0F));
  };
  for_each_product([&](PlanOptions options) {
    options.samples = 32;
    options.measure = true;
    const Plan<TypeParam> planned(full, options);
    EXPECT_EQ(planned.execution(), Execution::kSparse);
    planned.save(folder / "w.plan");
    const auto plan = Plan<TypeParam>::load(folder / "w.plan");
    EXPECT_EQ(plan.options(), options);
    const std::string text = plan.explain(100);
    EXPECT_TRUE(contains(text, "sums in float32")) << text;
    const bool as_it_is = std::is_same_v<TypeParam, BFloat16>;
    EXPECT_TRUE(as_it_is || contains(text, "operands are converted")) << text;
    const std::vector<TypeParam> values = ones(full.value_count());
    const std::vector<TypeParam> in = ones(32 * 32);
    const MatrixView<const TypeParam> view(in.data(), 32, 32);
    if (options.product != Product::kGradWeight) {
      std::vector<Result> out(32 * 32, Result(1.0F));
      plan.multiply(values.data(), view, nullptr, {out.data(), 32, 32}, true);
      EXPECT_EQ(out, std::vector<Result>(out.size(), Result(33.0F)));
      return;
    }
    const auto check_gradient = [&]<typename G>(G start) {
      std::vector<G> gradient(32 * 32, start);
      plan.gradient(view, view, gradient.data(), true);
      EXPECT_EQ(gradient, std::vector<G>(gradient.size(), G(33.0F)));
    };
    check_gradient(GradientOf<TypeParam>(1.0F));
    check_gradient(1.0F);
  });
}

template <typename T>
void check_schedules() {
  for (const int block : {1, 2, 4, 8, 16, 32, 64}) {
    SCOPED_TRACE(block);
    // The last part of the columns is so narrow that it has a kernel of its own.
    const std::int64_t n = 147;
    const BsrPattern w = draw(448, 256, block, 0.3);
    const std::vector<T> values = numbers<T>(w.value_count(), 1);
    const std::vector<T> x = numbers<T>(256 * n, 2);
    const std::vector<T> y = numbers<T>(448 * n, 3);
    const auto run = [&](const Schedule& schedule) {
      std::vector<T> out(static_cast<std::size_t>(2 * (448 + 256) * n), T{1});
      T* to = out.data();
      dsd<T>(w, values.data(), {x.data(), 256, n}, nullptr, MatrixView<T>(to, 448, n), true,
             dense::Activation::kNone, schedule);
      to += 448 * n;
      dsd_transposed<T>(w, values.data(), {y.data(), 448, n}, MatrixView<T>(to, 256, n), false, schedule);
      to += 256 * n;
      dds_transposed<T>({x.data(), n, 256}, w, values.data(), nullptr, MatrixView<T>(to, n, 448), false,
                        dense::Activation::kGelu, schedule);
      to += 448 * n;
      dds<T>({y.data(), n, 448}, w, values.data(), MatrixView<T>(to, n, 256), true, schedule);
      return out;
    };
    const std::vector<T> expected = run({});
    for (const std::int64_t panel : {0, 1, 16, 40, 64, 1000}) {
      for (const std::int64_t parts : {1, 3, 1000}) {
        EXPECT_EQ(run({panel, parts, 2}), expected) << panel << ", " << parts;
        EXPECT_EQ(run({panel, 2, parts}), expected) << panel << ", " << parts;
      }
    }
  }
}

TEST(Plan, SchedulesChangeNoBit) {
  check_schedules<float>();
  check_schedules<double>();
}

TEST(Plan, FollowsAMovingPatternWithoutAllocating) {
  const PlanOptions options{.samples = 512};
  DynamicBsrPattern dynamic(128, 128, 1, 128 * 128);
  Plan<float> plan(dynamic, options);
  EXPECT_EQ(plan.execution(), Execution::kSparse);
  const BsrPattern full = draw(128, 128, 1, 1.0);
  const BsrPattern thin = draw(128, 128, 1, 0.1);
  const std::int64_t before = test::allocation_count();
  dynamic.encode(full.row_offsets(), full.column_indices());
  plan.renew();
  const Execution when_full = plan.execution();
  dynamic.encode(thin.row_offsets(), thin.column_indices());
  plan.renew();
  EXPECT_EQ(test::allocation_count(), before);
  EXPECT_EQ(when_full, Execution::kDense);
  EXPECT_EQ(plan.execution(), Execution::kSparse);
  EXPECT_EQ(Case<float>(thin, options).run(plan, false),
            Case<float>(thin, options).run(Plan<float>(thin, options), false));
}

TEST(Plan, IsSavedAndLoaded) {
  const TemporaryFolder folder;
  const auto path = folder / "w.plan";
  for_each_product([&](PlanOptions options) {
    options.measure = true;
    const BsrPattern w = draw(131, 70, 8, 0.4);
    const Plan<float> plan(w, options);
    plan.save(path);
    const Plan<float> loaded = Plan<float>::load(path);
    EXPECT_EQ(loaded.pattern(), plan.pattern());
    EXPECT_EQ(loaded.options(), plan.options());
    EXPECT_EQ(loaded.execution(), plan.execution());
    EXPECT_EQ(loaded.schedule(), plan.schedule());
    EXPECT_EQ(loaded.explain(100), plan.explain(100));
    const Case<float> operands(w, options);
    EXPECT_EQ(operands.run(loaded, false), operands.run(plan, false));
  });
}

// What any build has written, every build reads, and writes to the same bytes.
TEST(Plan, ReadsAndWritesTheGoldenFile) {
  const Isa isa = chosen_isa();
  const int threads = thread_count();
  force_isa(Isa::kPortable);
  set_thread_count(1);
  const Plan<float> plan = Plan<float>::load(FILIGREE_GOLDEN_PLAN);
  const TemporaryFolder folder;
  plan.save(folder / "w.plan");
  force_isa(isa);
  set_thread_count(threads);
  const std::vector<std::int32_t> columns(plan.pattern().column_indices().begin(),
                                          plan.pattern().column_indices().end());
  EXPECT_EQ(columns, (std::vector<std::int32_t>{0, 1, 0, 1, 2}));
  EXPECT_EQ(plan.options(), (PlanOptions{.samples = 40, .dense_fallback = false}));
  EXPECT_EQ(read_file(folder / "w.plan"), read_file(FILIGREE_GOLDEN_PLAN));
}

TEST(Plan, ExplainsItself) {
  const Isa before = chosen_isa();
  force_isa(Isa::kPortable);  // so that what the cost model chooses is the same on every machine
  const std::string text = Plan<float>(draw(256, 128, 16, 0.125), {.samples = 64}).explain(100);
  for (const char* part : {"y = w x", "float32", "256 x 128", "16 blocks of 16 x 16", "density 0.125",
                           "64 columns", "runs sparse", "0.0005243 GFLOP"}) {
    EXPECT_TRUE(contains(text, part)) << part << "\n" << text;
  }
  const std::string dense = Plan<double>(draw(64, 64, 1, 1), {.samples = 64}).explain(100);
  EXPECT_TRUE(contains(dense, "runs dense")) << dense;
  EXPECT_TRUE(contains(dense, "float64")) << dense;
  force_isa(before);
}

TEST(Plan, SaysWhereColumnsAreFew) {
  const auto few = [](const auto& plan) { return contains(plan.explain(100), "few columns"); };
  const BsrPattern w = draw(64, 64, 16, 0.5);
  const auto options = [](Product product, std::int64_t samples) {
    return PlanOptions{.product = product, .samples = samples, .dense_fallback = false};
  };
  EXPECT_TRUE(few(Plan<float>(w, options(Product::kForward, 1))));
  EXPECT_TRUE(few(Plan<Float16>(w, options(Product::kForward, 8))));
  EXPECT_FALSE(few(Plan<float>(w, options(Product::kForward, 9))));
  EXPECT_FALSE(few(Plan<float>(w, options(Product::kGradInput, 1))));
  EXPECT_FALSE(few(Plan<double>(w, options(Product::kForward, 1))));
  EXPECT_FALSE(few(Plan<float>(draw(64, 64, 2, 0.5), options(Product::kForward, 1))));
}

// What is told of each kernel's orders must exist for each pattern.
TEST(Plan, ExplainsEveryPattern) {
  for_each_product([](PlanOptions options) {
    options.dense_fallback = false;
    for (const BlockShape block : kBlockShapes) {
      SCOPED_TRACE(block.text());
      EXPECT_TRUE(contains(Plan<float>(draw(101, 75, block, 0.5), options).explain(100), "w: 101 x 75"));
    }
  });
}

TEST(Plan, RefusesWhatItIsNotFor) {
  const auto usage = [](const std::function<void()>& body) { return error_of(ExitCode::kUsage, body); };
  const BsrPattern w = draw(64, 32, 8, 0.5);
  EXPECT_TRUE(contains(usage([&] { Plan<float>(w, {.samples = 0}); }), "samples, not 0"));
  EXPECT_TRUE(contains(usage([&] { Plan<float>(w, {.samples = std::int64_t{1} << 62, .measure = true}); }),
                       "samples, not"));
  const Plan<float> forward(w, {});
  const Plan<float> grad_input(w, {.product = Product::kGradInput});
  const Plan<float> grad_weight(w, {.product = Product::kGradWeight});
  std::vector<float> some(4096);
  const MatrixView<float> x(some.data(), 32, 4);
  const MatrixView<float> y(some.data(), 64, 4);
  EXPECT_TRUE(contains(usage([&] { forward.gradient(y, x, some.data()); }), "call multiply()"));
  EXPECT_TRUE(contains(usage([&] { grad_weight.multiply(some.data(), x, nullptr, y); }), "call gradient()"));
  EXPECT_TRUE(contains(usage([&] { grad_input.multiply(some.data(), y, some.data(), x); }), "no bias"));
  EXPECT_TRUE(contains(usage([&] { forward.multiply(some.data(), y, nullptr, x); }), "must be"));
}

// Each field of a file that someone may have altered.
TEST(Plan, RefusesMalformedFiles) {
  const TemporaryFolder folder;
  const auto path = folder / "w.plan";
  const Plan<float> plan(draw(64, 32, 8, 0.5), {});
  plan.save(path);
  const auto error = [&] { return error_of(ExitCode::kBadData, [&] { (void)Plan<float>::load(path); }); };
  EXPECT_TRUE(contains(error_of(ExitCode::kBadData, [&] { (void)Plan<double>::load(path); }), "F32"));

  const SafetensorsFile sound(path);
  const std::map<std::string, std::string> metadata = [&] {
    std::map<std::string, std::string> found = sound.metadata();
    found.erase(std::string(kChecksumKey));
    return found;
  }();
  const auto rewrite = [&](const std::string& key, const std::string& from, const std::string& to,
                           std::vector<std::int32_t> columns) {
    std::map<std::string, std::string> changed = metadata;
    if (!key.empty()) {
      const std::size_t at = changed.at(key).find(from);
      ASSERT_NE(at, std::string::npos) << from;
      changed.at(key).replace(at, from.size(), to);
    }
    const auto offsets = plan.pattern().row_offsets();
    const std::vector<TensorEntry> tensors{
        tensor_entry<std::int32_t>("row_offsets", {static_cast<std::int64_t>(offsets.size())}, offsets),
        tensor_entry<std::int32_t>("column_indices", {static_cast<std::int64_t>(columns.size())},
                                   std::span<const std::int32_t>(columns))};
    write_safetensors(path, tensors, changed);
  };
  const std::vector<std::int32_t> columns(plan.pattern().column_indices().begin(),
                                          plan.pattern().column_indices().end());
  const auto state = [&](const std::string& from, const std::string& to) {
    rewrite("filigree.state", from, to, columns);
    return error();
  };
  EXPECT_TRUE(contains(state("{", "["), "not a JSON object"));
  EXPECT_TRUE(contains(state("\"rows\":64", "\"rows\":-1"), "rows is -1"));
  EXPECT_TRUE(contains(state("\"rows\":64", "\"rows\":18446744073709551615"), "rows is"));
  EXPECT_TRUE(contains(state("\"rows\":64", "\"rows\":\"64\""), "rows is"));
  EXPECT_TRUE(contains(state("\"rows\":64", "\"rows\":640"), "row offsets"));
  EXPECT_TRUE(contains(state("\"rows\"", "\"sows\""), "has no rows"));
  EXPECT_TRUE(contains(state("\"block\":8", "\"block\":3"), "block size of 3"));
  EXPECT_TRUE(contains(state("\"product\":\"forward\"", "\"product\":\"sideways\""), "'sideways'"));
  EXPECT_TRUE(contains(state("\"dense_fallback\":true", "\"dense_fallback\":1"), "true or false"));
  EXPECT_TRUE(contains(state("\"layout\":\"row-major\"", "\"layout\":7"), "in place of a text"));
  EXPECT_TRUE(contains(state("\"group_parts\":0", "\"group_parts\":-4"), "group_parts is -4"));
  rewrite("filigree.kind", "sparse-plan", "bert", columns);
  EXPECT_TRUE(contains(error(), "'bert'"));
  rewrite("filigree.format", "1", "2", columns);
  EXPECT_TRUE(contains(error(), "version 2"));
  rewrite("", "", "", std::vector<std::int32_t>(columns.size(), 3));
  EXPECT_TRUE(contains(error(), "they must rise"));
  rewrite("", "", "", {});
  EXPECT_TRUE(contains(error(), "row offsets"));
  test::write_quickly(path, "no plan");
  EXPECT_FALSE(error().empty());
  test::write_quickly(path, "");
  EXPECT_FALSE(error().empty());
}

}  // namespace
}  // namespace filigree::sparse
