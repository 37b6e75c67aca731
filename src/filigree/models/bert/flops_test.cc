#include "filigree/models/bert/flops.h"

#include <gtest/gtest.h>

#include <cmath>

namespace filigree::models {
namespace {

BertConfig size(std::int64_t layers, std::int64_t hidden) {
  BertConfig config;
  config.layers = layers;
  config.hidden = hidden;
  config.intermediate = 4 * hidden;
  return config;
}

double encoder(std::int64_t layers, std::int64_t hidden, double density) {
  return bert_flops(size(layers, hidden), density, 128, 20).encoder;
}

// The figures of arXiv 2108.06277, tables 1 and A.8; the integers follow from its appendix A.2.
TEST(BertFlops, AgreesWithThePaper) {
  EXPECT_EQ(encoder(4, 256, 1), 2'617'245'696.0);
  EXPECT_EQ(encoder(4, 512, 1), 10'066'329'600.0);
  EXPECT_EQ(encoder(8, 512, 1), 20'132'659'200.0);
  EXPECT_NEAR(encoder(8, 512, 0.1), 2.738e9, 0.5e6);
  EXPECT_NEAR(encoder(12, 768, 0.1), 8.335e9, 0.5e6);
}

TEST(BertFlops, CountsTheHeadApart) {
  const BertFlops flops = bert_flops(size(4, 256), 1, 128, 20);
  EXPECT_EQ(flops.head, 6.0 * 20 * (256.0 * 256 + 256.0 * 8192));
  EXPECT_EQ(flops.total(), flops.encoder + flops.head);
}

TEST(BertFlops, AStepCostsWhatItsStorageCosts) {
  BertConfig config = size(4, 256);
  const double dense = bert_flops(config, 1, 128, 19).total();
  const double sparse = bert_flops(config, 0.1, 128, 19).total();
  EXPECT_EQ(step_flops(config, 16, 128, 19), 16 * dense);
  config.sparsity = {Storage::kSparse, 0.1, 16};
  EXPECT_EQ(step_flops(config, 16, 128, 19), 16 * sparse);
  config.sparsity.storage = Storage::kMasked;
  EXPECT_EQ(step_flops(config, 16, 128, 19), 16 * dense);
}

}  // namespace
}  // namespace filigree::models
