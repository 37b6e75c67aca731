// Gradients of functions that are computed with the factors of a solution.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "filigree/scaling/solve.h"
#include "filigree/scaling/test_graphs.h"

namespace filigree::scaling {
namespace {

// Each node's value is a vector, each op y = α·tanh(Σ A_i x_i + Π x_i), the loss the sum of the last op's
// values.
class VectorModel {
 public:
  static constexpr std::size_t kWidth = 4;
  using Vector = std::array<double, kWidth>;

  VectorModel(const Graph& graph, Philox& random) : graph_(graph), matrices_(graph.size()) {
    for (NodeId id = 0; id < graph.size(); ++id) {
      leaves_.push_back(random_vector(random));
      for (std::size_t i = 0; i < graph[id].inputs.size(); ++i) {
        matrices_[id].emplace_back();
        for (Vector& row : matrices_[id].back()) row = random_vector(random);
      }
    }
  }

  Vector& leaf(NodeId id) { return leaves_[id]; }

  double loss(const std::vector<Factors>& factors) {
    values_ = leaves_;
    for (const NodeId id : graph_.order()) {
      if (graph_[id].is_leaf()) continue;
      for (std::size_t j = 0; j < kWidth; ++j) values_[id][j] = factors[id].output * std::tanh(sum(id, j));
    }
    double total = 0;
    for (const double value : values_[graph_.output()]) total += value;
    return total;
  }

  // Of every node: the chain rule with β, or with α where `truth`.
  std::vector<Vector> gradients(const std::vector<Factors>& factors, bool truth) {
    loss(factors);
    std::vector<Vector> gradients(graph_.size());
    gradients[graph_.output()].fill(1);
    for (std::size_t k = graph_.size(); k-- > 0;) {
      const NodeId id = graph_.order()[k];
      for (std::size_t i = 0; i < graph_[id].inputs.size(); ++i) {
        const double factor = truth ? factors[id].output : factors[id].inputs[i];
        for (std::size_t j = 0; j < kWidth; ++j) {
          const double slope = 1 - std::pow(std::tanh(sum(id, j)), 2);
          add_row(id, i, j, factor * slope * gradients[id][j], gradients[graph_[id].inputs[i]]);
        }
      }
    }
    return gradients;
  }

 private:
  static Vector random_vector(Philox& random) {
    Vector vector;
    for (double& value : vector) value = 0.5 * random.normal();
    return vector;
  }

  double product(NodeId id, std::size_t j, std::size_t without) const {
    double product = 1;
    for (std::size_t i = 0; i < matrices_[id].size(); ++i) {
      if (i != without) product *= values_[graph_[id].inputs[i]][j];
    }
    return product;
  }

  double sum(NodeId id, std::size_t j) const {
    double sum = product(id, j, matrices_[id].size());
    for (std::size_t i = 0; i < matrices_[id].size(); ++i) {
      for (std::size_t m = 0; m < kWidth; ++m) {
        sum += matrices_[id][i][j][m] * values_[graph_[id].inputs[i]][m];
      }
    }
    return sum;
  }

  void add_row(NodeId id, std::size_t i, std::size_t j, double gradient, Vector& to) const {
    for (std::size_t m = 0; m < kWidth; ++m) to[m] += matrices_[id][i][j][m] * gradient;
    to[j] += product(id, j, i) * gradient;
  }

  const Graph& graph_;
  std::vector<Vector> leaves_;
  std::vector<std::vector<std::array<Vector, kWidth>>> matrices_;
  std::vector<Vector> values_;
};

double cosine(const VectorModel::Vector& a, const VectorModel::Vector& b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    ab += a[j] * b[j];
    aa += a[j] * a[j];
    bb += b[j] * b[j];
  }
  return ab / std::sqrt(aa * bb);
}

// The least over the leaves.
double worst_cosine(const Graph& graph, VectorModel& model, const std::vector<Factors>& factors) {
  const auto gradients = model.gradients(factors, false);
  const auto truth = model.gradients(factors, true);
  double worst = 1;
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (graph[id].is_leaf()) worst = std::min(worst, cosine(gradients[id], truth[id]));
  }
  return worst;
}

// Gentle, so that tanh keeps a slope.
Graph with_gentle_factors(const Graph& graph, Philox& random) {
  std::vector<Node> nodes = graph.nodes();
  for (Node& node : nodes) {
    if (node.is_leaf()) continue;
    node.ideal.output = 0.5 + random.uniform();
    for (double& beta : node.ideal.inputs) beta = 0.5 + random.uniform();
  }
  return {std::move(nodes), graph.output()};
}

TEST(Solve, GivesGradientsOfTheTrueDirection) {
  Philox random(6, Purpose::kTest);
  int wrong_without = 0;
  constexpr int kModels = 1000;
  for (int g = 0; g < kModels; ++g) {
    const Graph graph = with_gentle_factors(test::random_graph(random), random);
    VectorModel model(graph, random);
    for (const ConstraintName& entry : constraint_names()) {
      const bool none = entry.constraint == Constraint::kNone;
      const Solution solution = solve(graph, {.constraint = entry.constraint, .require_valid = !none});
      const double worst = worst_cosine(graph, model, solution.factors);
      if (!solution.validity.conflict) {
        ASSERT_NEAR(worst, 1, 1e-12) << "graph " << g << ", " << entry.name;
      } else {
        wrong_without += worst < 0.999;
      }
    }
  }
  EXPECT_GT(wrong_without, kModels / 4);
}

TEST(VectorModel, HasTheGradientsThatDifferencesHave) {
  Philox random(7, Purpose::kTest);
  for (int g = 0; g < 100; ++g) {
    const Graph graph = with_gentle_factors(test::random_graph(random), random);
    VectorModel model(graph, random);
    const Solution solution = solve(graph);
    const auto truth = model.gradients(solution.factors, true);
    for (NodeId id = 0; id < graph.size(); ++id) {
      if (!graph[id].is_leaf()) continue;
      for (std::size_t j = 0; j < VectorModel::kWidth; ++j) {
        constexpr double kStep = 1e-5;
        double& value = model.leaf(id)[j];
        const double middle = value;
        value = middle + kStep;
        const double above = model.loss(solution.factors);
        value = middle - kStep;
        const double below = model.loss(solution.factors);
        value = middle;
        ASSERT_NEAR((above - below) / (2 * kStep), truth[id][j], 1e-6) << "graph " << g;
      }
    }
  }
}

}  // namespace
}  // namespace filigree::scaling
