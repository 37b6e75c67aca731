#include "filigree/scaling/factors.h"

#include <fmt/ranges.h>

#include <cmath>

#include "filigree/base/error.h"

namespace filigree::scaling {
namespace {

void check(double factor, std::string_view what) {
  if (!(factor > 0) || !std::isfinite(factor)) {
    fail("the {} factor of a scaled op is {}; factors are positive and finite", what, factor);
  }
}

double common_factor(const std::vector<double>& members, Constraint constraint) {
  const auto count = static_cast<double>(members.size());
  double sum = 0;
  switch (constraint) {
    case Constraint::kGeometricMean:
      for (const double member : members) sum += std::log(member);
      return std::exp(sum / count);
    case Constraint::kHarmonicMean:
      for (const double member : members) sum += 1 / member;
      return count / sum;
    case Constraint::kArithmeticMean:
      for (const double member : members) sum += member;
      return sum / count;
    case Constraint::kGradient: return members[1];
    case Constraint::kOutput:
    case Constraint::kNone: break;
  }
  return members[0];
}

}  // namespace

const std::vector<ConstraintName>& constraint_names() {
  static const std::vector<ConstraintName> kNames{
      {"none", Constraint::kNone},
      {"geometric-mean", Constraint::kGeometricMean},
      {"harmonic-mean", Constraint::kHarmonicMean},
      {"arithmetic-mean", Constraint::kArithmeticMean},
      {"output", Constraint::kOutput},
      {"gradient", Constraint::kGradient},
  };
  return kNames;
}

Constraint parse_constraint(std::string_view name) {
  std::vector<std::string_view> known;
  for (const ConstraintName& entry : constraint_names()) {
    if (entry.name == name) return entry.constraint;
    known.push_back(entry.name);
  }
  fail_usage("no constraint is named '{}': choose one of {}", name, fmt::join(known, ", "));
}

std::string_view constraint_name(Constraint constraint) {
  for (const ConstraintName& entry : constraint_names()) {
    if (entry.constraint == constraint) return entry.name;
  }
  fail("constraint {} has no name", static_cast<int>(constraint));
}

Factors constrain(const Factors& ideal, const std::vector<bool>& bound, Constraint constraint) {
  if (bound.size() != ideal.inputs.size()) {
    fail("{} inputs have factors, {} are said to be bound or free", ideal.inputs.size(), bound.size());
  }
  check(ideal.output, "output's");
  std::vector<double> members{ideal.output};
  for (std::size_t i = 0; i < bound.size(); ++i) {
    check(ideal.inputs[i], "gradient's");
    if (bound[i]) members.push_back(ideal.inputs[i]);
  }
  if (constraint == Constraint::kNone || members.size() == 1) return ideal;
  Factors factors = ideal;
  factors.output = common_factor(members, constraint);
  for (std::size_t i = 0; i < bound.size(); ++i) {
    if (bound[i]) factors.inputs[i] = factors.output;
  }
  return factors;
}

}  // namespace filigree::scaling
