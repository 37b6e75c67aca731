// The factors of a scaled op (scaling/factors.h) as the dispatcher and autograd carry them: a list of floats,
// the output's first and behind it that of each tensor which is differentiated, in the op's order; or an
// empty list, which stands for an op that is not scaled.
#pragma once

#include "filigree/nn/torch.h"
//
#include <vector>

#include "filigree/base/error.h"
#include "filigree/scaling/factors.h"

namespace filigree::nn {

using FactorList = at::ArrayRef<double>;

inline std::vector<double> factor_list(const scaling::Factors& factors) {
  std::vector<double> list{factors.output};
  list.insert(list.end(), factors.inputs.begin(), factors.inputs.end());
  return list;
}

class OpFactors {
 public:
  // Errors (usage): neither empty nor of one more than `inputs`.
  OpFactors(FactorList list, std::size_t inputs, const char* op) : list_(list.begin(), list.end()) {
    if (!list_.empty() && list_.size() != inputs + 1) {
      fail_usage("{}: wanted no factors or {}, the output's and those of {} inputs; got {}", op, inputs + 1,
                 inputs, list_.size());
    }
  }
  double output() const { return list_.empty() ? 1 : list_.front(); }
  double input(std::size_t i) const { return list_.empty() ? 1 : list_[i + 1]; }

 private:
  std::vector<double> list_;
};

}  // namespace filigree::nn
