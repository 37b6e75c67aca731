// The factors of each op of a BERT: what the solver gives for its graph (scaled_graph.h), as nn's ops take
// them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "filigree/models/bert/config.h"

namespace filigree::models {

// Lists as nn/factors.h has them; all empty in a model that is not unit-scaled.
struct BertFactors {
  using List = std::vector<double>;

  List embed;
  List embedding_norm;
  List first_norm;  // where norms come first: the one before the first branch
  struct Layer {
    List qkv;
    List attention;
    List attention_out;
    List attention_sum;  // with the norm that nn fuses with it
    List up;
    List gelu;
    List down;
    List output_sum;
  };
  std::vector<Layer> layers;
  List transform;
  List transform_gelu;
  List transform_norm;
  List decoder;
  List masked_lm;
  // With next-sentence prediction.
  List pooler;
  List pooler_tanh;
  List next;
  List next_sentence;
  List loss_scale;

  // Of a parameter.
  struct Scale {
    // What its op multiplies it by: the unscaled model would hold the product.
    double weight = 1;
    // What its gradient is beside the true one by that product.
    double gradient = 1;
  };
  std::map<std::string, Scale> parameters;  // by their first names; a tied one as the decoder has it
};

// Errors (usage): as bert_graph().
BertFactors bert_factors(const BertConfig& config);

}  // namespace filigree::models
