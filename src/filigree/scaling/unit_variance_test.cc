// The bar: over more than 500 shapes, each op simulated on inputs and incoming gradients that are N(0, 1)
// has, with its factors, outputs and gradients of variance 1.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "filigree/base/philox.h"
#include "filigree/scaling/test_simulated_convolution.h"
#include "filigree/scaling/test_simulated_pointwise.h"
#include "filigree/scaling/test_simulated_products.h"
#include "filigree/scaling/test_simulated_softmax.h"

namespace filigree::scaling {
namespace {

using simulation::Case;
using simulation::MeanSquares;

// How far from 1 a scaled output or gradient may be.
constexpr double kPointwise = 0.03;
constexpr double kProduct = 0.05;
constexpr double kSoftmax = 0.1;

// A new op is a row here and the function that draws a shape of it.
struct Op {
  const char* name;
  double tolerance;
  int shapes;
  int passes;  // simulated for each shape
  Case (*draw)(Philox&);
};
constexpr Op kOps[] = {
    {"matmul", kProduct, 28, 8, simulation::draw_matmul},
    {"linear", kProduct, 28, 8, simulation::draw_linear},
    {"block_sparse_linear", kProduct, 28, 8, simulation::draw_sparse_linear},
    {"convolution", kProduct, 28, 8, simulation::draw_convolution},
    {"embedding", kProduct, 28, 8, simulation::draw_embedding},
    {"relu", kPointwise, 16, 8, simulation::draw_pointwise<Pointwise::kRelu>},
    {"gelu", kPointwise, 24, 8, simulation::draw_pointwise<Pointwise::kGelu>},
    {"gelu_tanh", kPointwise, 24, 8, simulation::draw_pointwise<Pointwise::kGeluTanh>},
    {"silu", kPointwise, 24, 8, simulation::draw_pointwise<Pointwise::kSilu>},
    {"tanh", kPointwise, 24, 8, simulation::draw_pointwise<Pointwise::kTanh>},
    {"sigmoid", kPointwise, 24, 8, simulation::draw_pointwise<Pointwise::kSigmoid>},
    {"glu", kPointwise, 24, 8, simulation::draw_gated<Pointwise::kSigmoid>},
    {"swiglu", kPointwise, 24, 8, simulation::draw_gated<Pointwise::kSilu>},
    {"geglu", kPointwise, 24, 8, simulation::draw_gated<Pointwise::kGelu>},
    {"layer_norm", kProduct, 28, 8, simulation::draw_norm<true>},
    {"rms_norm", kProduct, 28, 8, simulation::draw_norm<false>},
    {"dropout", kPointwise, 20, 8, simulation::draw_dropout},
    {"sum", kProduct, 20, 8, simulation::draw_sum},
    {"weighted_sum", kProduct, 20, 8, simulation::draw_weighted_sum},
    {"add", kProduct, 20, 8, simulation::draw_add},
    {"mse", kPointwise, 16, 8, simulation::draw_mse},
    {"softmax", kSoftmax, 40, 24, simulation::draw_softmax},
    {"cross_entropy", kSoftmax, 30, 8, simulation::draw_cross_entropy},
    {"attention", kSoftmax, 24, 8, simulation::draw_attention<false>},
    {"causal_attention", kSoftmax, 24, 8, simulation::draw_attention<true>},
};

// A root mean square, from the mean squares of independent passes, and its standard error.
struct Estimate {
  double value;
  double error;
};
Estimate estimate(const std::vector<double>& mean_squares) {
  simulation::Sum sum;
  double mean = 0;
  const auto passes = static_cast<double>(mean_squares.size());
  for (const double square : mean_squares) {
    sum.add(square);
    mean += square / passes;
  }
  return {std::sqrt(mean), std::sqrt(sum.variance() / passes) / (2 * std::sqrt(mean))};
}

// An op simulated at a shape; tensor 0 is the output, tensor i + 1 the gradient of input i.
struct Measured {
  std::string shape;
  Factors factors;
  bool has_output;
  std::vector<Estimate> unscaled;

  std::size_t first() const { return has_output ? 0 : 1; }
  double factor(std::size_t tensor) const {
    return tensor == 0 ? factors.output : factors.inputs.at(tensor - 1);
  }
  Estimate scaled(std::size_t tensor) const {
    return {unscaled[tensor].value * factor(tensor), unscaled[tensor].error * factor(tensor)};
  }
};

Measured measure(const Op& op, std::uint64_t op_index, int shape_index) {
  Philox random(20'230'311, Purpose::kTest, op_index, static_cast<std::uint32_t>(shape_index));
  const Case drawn = op.draw(random);
  std::vector<std::vector<double>> squares(1 + drawn.factors.inputs.size());
  bool has_output = true;
  for (int pass = 0; pass < op.passes; ++pass) {
    const MeanSquares simulated = drawn.simulate(random);
    has_output = simulated.output.has_value();
    squares[0].push_back(simulated.output.value_or(1));
    for (std::size_t i = 1; i < squares.size(); ++i) squares[i].push_back(simulated.inputs.at(i - 1));
  }
  Measured measured{drawn.shape, drawn.factors, has_output, {}};
  for (const std::vector<double>& tensor : squares) measured.unscaled.push_back(estimate(tensor));
  return measured;
}

// Sanitizers look at code, not at variances, and take six times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kPart = 4;
#else
constexpr int kPart = 1;
#endif

// Simulated once, for all tests.
const std::vector<Measured>& measured(std::size_t op) {
  static std::vector<std::vector<Measured>> cache(std::size(kOps));
  for (int shape = static_cast<int>(cache[op].size()); shape < kOps[op].shapes / kPart; ++shape) {
    cache[op].push_back(measure(kOps[op], op, shape));
  }
  return cache[op];
}

// Over all shapes.
Estimate pooled(const std::vector<Measured>& shapes, std::size_t tensor) {
  simulation::Sum sum;
  for (const Measured& one : shapes) sum.add(one.scaled(tensor).value);
  return {sum.mean(), std::sqrt(sum.variance() / static_cast<double>(shapes.size()))};
}

// What is wrong with an op, a line each. Each shape must keep the tolerance, widened by three standard
// errors; the mean over the shapes of each tensor that all of them have must keep half of it, widened by
// three of its own, smaller ones: that catches a factor that is a little wrong everywhere.
std::vector<std::string> faults(const Op& op, const std::vector<Measured>& shapes) {
  constexpr double kWidening = 3;
  std::vector<std::string> faults;
  const auto demand = [&](const std::string& what, const Estimate& is, double tolerance) {
    const double allowed = tolerance + kWidening * is.error;
    if (std::abs(is.value - 1) <= allowed) return;
    faults.push_back(fmt::format("{} {}: {:.4f}, not 1 within {:.4f}", op.name, what, is.value, allowed));
  };
  std::size_t common = shapes[0].unscaled.size();
  for (const Measured& one : shapes) {
    common = std::min(common, one.unscaled.size());
    for (std::size_t tensor = one.first(); tensor < one.unscaled.size(); ++tensor) {
      demand(fmt::format("{} tensor {}", one.shape, tensor), one.scaled(tensor), op.tolerance);
    }
  }
  for (std::size_t tensor = shapes[0].first(); tensor < common; ++tensor) {
    demand(fmt::format("mean of tensor {}", tensor), pooled(shapes, tensor), op.tolerance / 2);
  }
  return faults;
}

class UnitVariance : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Op& op() const { return kOps[GetParam()]; }
  const std::vector<Measured>& shapes() const { return measured(GetParam()); }

  // The faults of the op with one factor changed.
  std::vector<std::string> faults_with(std::size_t tensor, double change) const {
    std::vector<Measured> changed = shapes();
    for (Measured& one : changed) {
      if (tensor < one.unscaled.size()) {
        (tensor == 0 ? one.factors.output : one.factors.inputs[tensor - 1]) *= change;
      }
    }
    return faults(op(), changed);
  }
};

TEST_P(UnitVariance, Holds) {
  for (const std::string& fault : faults(op(), shapes())) ADD_FAILURE() << fault;
  double low[2] = {1, 1};
  double high[2] = {1, 1};
  double error = 0;
  for (const Measured& one : shapes()) {
    for (std::size_t tensor = one.first(); tensor < one.unscaled.size(); ++tensor) {
      const Estimate is = one.scaled(tensor);
      const int backward = tensor == 0 ? 0 : 1;
      low[backward] = std::min(low[backward], is.value);
      high[backward] = std::max(high[backward], is.value);
      error = std::max(error, is.error);
    }
  }
  EXPECT_LE(error, op().tolerance) << "too few passes to say anything";
  fmt::print(
      "{:<20} {:>3} shapes: outputs {:.3f} to {:.3f}, gradients {:.3f} to {:.3f}, standard errors <= "
      "{:.4f}\n",
      op().name, shapes().size(), low[0], high[0], low[1], high[1], error);
}

// Both a factor that is off by little at all shapes and tests that see nothing for noise would show here.
TEST_P(UnitVariance, IsSeenToFail) {
  for (std::size_t tensor = shapes()[0].first(); tensor < shapes()[0].unscaled.size(); ++tensor) {
    EXPECT_FALSE(faults_with(tensor, 1.15).empty()) << "tensor " << tensor;
    EXPECT_FALSE(faults_with(tensor, 1 / 1.15).empty()) << "tensor " << tensor;
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, UnitVariance, ::testing::Range(std::size_t{0}, std::size(kOps)),
                         [](const auto& op) { return std::string(kOps[op.param].name); });

std::size_t op_index(std::string_view name) {
  std::size_t index = 0;
  while (index < std::size(kOps) && kOps[index].name != name) ++index;
  return index;
}

TEST(UnitVarianceTest, FindsAWeightGradientWithoutTheBatch) {
  for (const char* name : {"linear", "block_sparse_linear", "layer_norm", "convolution"}) {
    const std::size_t op = op_index(name);
    std::vector<Measured> wrong = measured(op);
    for (Measured& one : wrong) one.factors.inputs[1] = 1;
    EXPECT_GE(faults(kOps[op], wrong).size(), wrong.size()) << name << ": at every shape";
  }
}

TEST(UnitVarianceTest, CoversMoreThan500Shapes) {
  int shapes = 0;
  for (const Op& op : kOps) shapes += op.shapes;
  EXPECT_GE(shapes, 500);
}

TEST(UnitVarianceTest, CoversEveryActivation) {
  for (const PointwiseName& entry : pointwise_names()) {
    std::string name(entry.name);
    std::replace(name.begin(), name.end(), '-', '_');
    EXPECT_LT(op_index(name), std::size(kOps)) << name;
  }
}

}  // namespace
}  // namespace filigree::scaling
