// A model becomes unit-scaled and back: the factors of its ops go into its weights, and it computes the same.
#pragma once

#include "filigree/models/bert/bert.h"
//
#include <map>
#include <memory>
#include <string>

namespace filigree::models {

// What each parameter of an unscaled model is multiplied by, under its first name, so that the unit-scaled
// model of `config` computes the same: exact but for rounding, and for the epsilon of norms behind sums that
// are scaled.
// Errors (usage): as bert_factors(); no unit scaling.
std::map<std::string, double> unit_scaling_ratios(const BertConfig& config);

// A copy that computes the same, for predicting or as the beginning of training: its moments are zero.
// Errors (usage): it is unit-scaled already.
std::unique_ptr<Bert> to_unit_scaled(const Bert& model, const UnitScalingConfig& unit_scaling);
// Errors (usage): it is not unit-scaled.
std::unique_ptr<Bert> to_unscaled(const Bert& model);

}  // namespace filigree::models
