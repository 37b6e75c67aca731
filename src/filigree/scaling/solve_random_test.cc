// Solutions of random graphs, against all paths one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "filigree/scaling/solve.h"
#include "filigree/scaling/test_graphs.h"

namespace filigree::scaling {
namespace {

constexpr int kGraphs = 10000;

// By undirected reachability without one input of one op.
bool connected_without(const Graph& graph, NodeId op, std::size_t input) {
  std::vector<bool> reached(graph.size());
  reached[op] = true;
  for (bool changed = true; changed;) {
    changed = false;
    for (NodeId to = 0; to < graph.size(); ++to) {
      for (std::size_t i = 0; i < graph[to].inputs.size(); ++i) {
        const NodeId from = graph[to].inputs[i];
        if ((to == op && i == input) || reached[from] == reached[to]) continue;
        reached[from] = reached[to] = true;
        changed = true;
      }
    }
  }
  return std::ranges::count(reached, true) == static_cast<std::ptrdiff_t>(graph.size());
}

// Whether from each node all paths to the output, or none, take the step: what makes it a bridge of a graph
// in which all lead to one output.
bool all_or_none(const Graph& graph, const test::Paths& paths, NodeId op, std::size_t input) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    std::size_t with = 0;
    std::size_t count = 0;
    paths.for_each(id, [&](const std::vector<test::Step>& path) {
      ++count;
      with += std::ranges::any_of(path, [&](const auto& s) { return s.op == op && s.input == input; });
    });
    if (with != 0 && with != count) return false;
  }
  return true;
}

TEST(BoundInputs, AreThoseThatRemovalAndPathsSay) {
  Philox random(3, Purpose::kTest);
  std::map<bool, int> counts;
  for (int g = 0; g < kGraphs; ++g) {
    const Graph graph = test::random_graph(random);
    const std::vector<std::vector<bool>> bound = bound_inputs(graph);
    const test::Paths paths(graph);
    for (NodeId op = 0; op < graph.size(); ++op) {
      ASSERT_EQ(bound[op].size(), graph[op].inputs.size());
      for (std::size_t i = 0; i < bound[op].size(); ++i) {
        ASSERT_EQ(bound[op][i], connected_without(graph, op, i)) << "graph " << g << ", " << graph[op].text();
        ASSERT_EQ(!bound[op][i], all_or_none(graph, paths, op, i))
            << "graph " << g << ", " << graph[op].text();
        ++counts[bound[op][i]];
      }
    }
  }
  EXPECT_GT(counts[true], kGraphs);
  EXPECT_GT(counts[false], kGraphs);
}

// What comes out for a leaf when each op's derivative by each input is a number, and how it should be: the
// sums over paths of the derivatives' products times those of β, or of α.
struct Sums {
  double gradient = 0;
  double truth = 0;
  double size = 0;  // of the truth's terms, for tolerances
};

Sums sum_paths(const test::Paths& paths, NodeId leaf, const Solution& solution,
               const std::vector<std::vector<double>>& derivatives) {
  Sums sums;
  paths.for_each(leaf, [&](const std::vector<test::Step>& path) {
    double with_beta = 1;
    double with_alpha = 1;
    for (const auto& [op, input] : path) {
      with_beta *= derivatives[op][input] * solution.factors[op].inputs[input];
      with_alpha *= derivatives[op][input] * solution.factors[op].output;
    }
    sums.gradient += with_beta;
    sums.truth += with_alpha;
    sums.size += std::abs(with_alpha);
  });
  return sums;
}

TEST(Solve, GivesTrueGradientsTimesAConstantForEachLeaf) {
  Philox random(4, Purpose::kTest);
  int wrong_without = 0;
  for (int g = 0; g < kGraphs; ++g) {
    const Graph graph = test::random_graph(random);
    const test::Paths paths(graph);
    std::vector<std::vector<double>> derivatives(graph.size());
    for (NodeId op = 0; op < graph.size(); ++op) {
      for (std::size_t i = 0; i < graph[op].inputs.size(); ++i) derivatives[op].push_back(random.normal());
    }
    for (const ConstraintName& entry : constraint_names()) {
      const bool none = entry.constraint == Constraint::kNone;
      const Solution solution = solve(graph, {.constraint = entry.constraint, .require_valid = !none});
      if (none && solution.validity.conflict) {
        ++wrong_without;
        continue;
      }
      for (NodeId leaf = 0; leaf < graph.size(); ++leaf) {
        if (!graph[leaf].is_leaf()) continue;
        const Sums sums = sum_paths(paths, leaf, solution, derivatives);
        const double constant = solution.gradient_constant(leaf);
        ASSERT_NEAR(sums.gradient / constant, sums.truth, 1e-9 * sums.size) << "graph " << g << entry.name;
      }
    }
  }
  EXPECT_GT(wrong_without, kGraphs / 4);
}

TEST(Solve, LeavesAsMuchFreedomAsThereIs) {
  Philox random(5, Purpose::kTest);
  for (int g = 0; g < kGraphs; ++g) {
    const Graph graph = test::random_graph(random);
    Solution solution = solve(graph);
    for (NodeId op = 0; op < graph.size(); ++op) {
      for (std::size_t i = 0; i < graph[op].inputs.size(); ++i) {
        double& beta = solution.factors[op].inputs[i];
        const double right = beta;
        // What is free on its bridge may be anything; what is bound may not.
        ASSERT_TRUE(solution.bound[op][i] || beta == graph[op].ideal.inputs[i]);
        beta *= 1.5;
        const bool valid = !check_gradients(graph, solution.factors).conflict;
        ASSERT_EQ(valid, !solution.bound[op][i]) << "graph " << g << ", " << graph[op].text();
        beta = right;
      }
    }
  }
}

}  // namespace
}  // namespace filigree::scaling
