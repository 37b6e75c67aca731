#include "filigree/dense/attention.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class Attention : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Attention, Types);

struct Setting {
  std::int64_t sequence, heads, head_size, gap;
  std::vector<std::int32_t> lengths;
  std::int64_t batch() const { return static_cast<std::int64_t>(lengths.size()); }
  std::int64_t tokens() const { return batch() * sequence; }
  std::int64_t hidden() const { return heads * head_size; }
  AttentionShape shape() const { return {batch(), sequence, heads, lengths}; }
};

// Lengths of nothing, one, all and between, for sizes that fill no vector.
const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = {
      {1, 1, 1, 0, {1, 0}},           {1, 1, 8, 3, {1}},           {5, 2, 3, 0, {5, 0, 1, 3}},
      {7, 3, 7, 5, {7, 2, 0}},        {17, 2, 16, 0, {17, 16, 1}}, {33, 1, 17, 1, {20, 33}},
      {64, 2, 32, 0, {64, 63, 0, 5}}, {100, 4, 8, 2, {100, 37}},
  };
  return all;
}

template <typename T>
Matrix<T> random_qkv(const Setting& s) {
  return Matrix<T>::random(s.tokens(), 3 * s.hidden(), s.gap, 1);
}
template <typename T>
Matrix<T> random_dout(const Setting& s) {
  return Matrix<T>::random(s.tokens(), s.hidden(), s.gap, 2);
}

template <typename T>
struct Result {
  explicit Result(const Setting& s)
      : probabilities(s.batch() * s.heads, s.sequence * s.sequence),
        out(s.tokens(), s.hidden(), s.gap, T(77)),
        dqkv(s.tokens(), 3 * s.hidden(), s.gap, T(77)) {}
  Matrix<T> probabilities, out, dqkv;
};

template <typename T>
void forward(const Setting& s, const Matrix<T>& qkv, Result<T>& result) {
  attention<T>(s.shape(), qkv.view(), result.probabilities.data(), result.out.view());
}
template <typename T>
void backward(const Setting& s, const Matrix<T>& dout, const Matrix<T>& qkv, Result<T>& result) {
  attention_backward<T>(s.shape(), dout.view(), qkv.view(), result.probabilities.data(), result.dqkv.view());
}

// Position by position, in double: softmax over the keys that exist; its gradient by the whole Jacobian.
struct Reference {
  Reference(const Setting& s, const Matrix<double>& qkv, const Matrix<double>& dout)
      : out(s.tokens(), s.hidden()), dqkv(s.tokens(), 3 * s.hidden()) {
    const double scale = 1 / std::sqrt(static_cast<double>(s.head_size));
    for (std::int64_t b = 0; b < s.batch(); ++b) {
      const std::int64_t first = b * s.sequence, length = s.lengths[static_cast<std::size_t>(b)];
      for (std::int64_t h = 0; h < s.heads; ++h) {
        const std::int64_t q = h * s.head_size, k = s.hidden() + q, v = 2 * s.hidden() + q;
        for (std::int64_t i = 0; i < length; ++i) {
          std::vector<double> p(static_cast<std::size_t>(length)), dp(p);
          double sum = 0;
          for (std::int64_t j = 0; j < length; ++j) {
            double score = 0;
            for (std::int64_t e = 0; e < s.head_size; ++e)
              score += qkv(first + i, q + e) * qkv(first + j, k + e);
            sum += p[static_cast<std::size_t>(j)] = std::exp(scale * score);
          }
          for (double& value : p) value /= sum;
          for (std::int64_t j = 0; j < length; ++j) {
            const double pj = p[static_cast<std::size_t>(j)];
            for (std::int64_t e = 0; e < s.head_size; ++e) {
              const double d = dout(first + i, q + e);
              out(first + i, q + e) += pj * qkv(first + j, v + e);
              dqkv(first + j, v + e) += pj * d;
              dp[static_cast<std::size_t>(j)] += d * qkv(first + j, v + e);
            }
          }
          for (std::int64_t j = 0; j < length; ++j) {
            double dscore = 0;
            for (std::int64_t m = 0; m < length; ++m) {
              dscore += dp[static_cast<std::size_t>(m)] * p[static_cast<std::size_t>(m)] *
                        ((m == j ? 1 : 0) - p[static_cast<std::size_t>(j)]);
            }
            for (std::int64_t e = 0; e < s.head_size; ++e) {
              dqkv(first + i, q + e) += scale * dscore * qkv(first + j, k + e);
              dqkv(first + j, k + e) += scale * dscore * qkv(first + i, q + e);
            }
          }
        }
      }
    }
  }
  Matrix<double> out, dqkv;
};

template <typename F>
void on_every_setting(F&& body) {
  const ThreadCount one(1);
  on_every_isa([&] {
    for (const Setting& s : settings()) {
      SCOPED_TRACE(fmt::format("sequence {}, heads {}, head size {}", s.sequence, s.heads, s.head_size));
      body(s);
    }
  });
}

TYPED_TEST(Attention, MatchesTheDefinitionAndPaddingIsZero) {
  on_every_setting([](const Setting& s) {
    const auto qkv = random_qkv<TypeParam>(s);
    const auto dout = random_dout<TypeParam>(s);
    const Reference expected(s, to_double(qkv), to_double(dout));
    Result<TypeParam> result(s);
    forward(s, qkv, result);
    expect_close(result.out, expected.out, ulps<TypeParam>(32), "out");
    backward(s, dout, qkv, result);
    expect_close(result.dqkv, expected.dqkv, ulps<TypeParam>(64), "dqkv");
    for (std::int64_t b = 0; b < s.batch(); ++b) {
      for (std::int64_t t = s.lengths[static_cast<std::size_t>(b)]; t < s.sequence; ++t) {
        for (std::int64_t c = 0; c < s.hidden(); ++c) EXPECT_EQ(result.out(b * s.sequence + t, c), 0);
        for (std::int64_t c = 0; c < 3 * s.hidden(); ++c) EXPECT_EQ(result.dqkv(b * s.sequence + t, c), 0);
      }
    }
  });
}

TYPED_TEST(Attention, WhatPaddingHoldsReachesNothing) {
  on_every_setting([](const Setting& s) {
    auto qkv = random_qkv<TypeParam>(s);
    auto dout = random_dout<TypeParam>(s);
    Result<TypeParam> clean(s), spoilt(s);
    forward(s, qkv, clean);
    backward(s, dout, qkv, clean);
    for (std::int64_t b = 0; b < s.batch(); ++b) {
      for (std::int64_t t = s.lengths[static_cast<std::size_t>(b)]; t < s.sequence; ++t) {
        const auto nan = std::numeric_limits<TypeParam>::quiet_NaN();
        for (std::int64_t c = 0; c < qkv.columns(); ++c) qkv(b * s.sequence + t, c) = nan;
        for (std::int64_t c = 0; c < dout.columns(); ++c) dout(b * s.sequence + t, c) = nan;
      }
    }
    forward(s, qkv, spoilt);
    backward(s, dout, qkv, spoilt);
    EXPECT_EQ(spoilt.out.elements(), clean.out.elements());
    EXPECT_EQ(spoilt.dqkv.elements(), clean.dqkv.elements());
  });
}

// Scores of +-1e4: exp overflows unless the largest is taken off first.
TYPED_TEST(Attention, LargeScoresDoNotOverflow) {
  on_every_isa([] {
    const Setting s{9, 1, 4, 0, {9}};
    auto qkv = random_qkv<TypeParam>(s);
    for (std::int64_t t = 0; t < 9; ++t) {
      for (std::int64_t c = 0; c < 8; ++c) qkv(t, c) *= 100;
    }
    Result<TypeParam> result(s);
    forward(s, qkv, result);
    for (std::int64_t i = 0; i < 9; ++i) {
      std::int64_t best = 0;
      double best_score = -std::numeric_limits<double>::infinity();
      for (std::int64_t j = 0; j < 9; ++j) {
        double score = 0;
        for (std::int64_t e = 0; e < 4; ++e) {
          score += static_cast<double>(qkv(i, e)) * static_cast<double>(qkv(j, 4 + e));
        }
        if (score > best_score) best_score = score, best = j;
      }
      double sum = 0;
      for (std::int64_t j = 0; j < 9; ++j) sum += static_cast<double>(result.probabilities(0, i * 9 + j));
      EXPECT_NEAR(sum, 1, 1e-6);
      EXPECT_GT(result.probabilities(0, i * 9 + best), TypeParam(0.5)) << "row " << i;
    }
  });
}

// A key that is not a number must show in every row that attends to it: a run stops on it.
TYPED_TEST(Attention, NotANumberIsNotSwallowed) {
  on_every_isa([] {
    const Setting s{37, 1, 4, 0, {37}};
    for (const std::int64_t place : {0, 1, 15, 16, 36}) {
      auto qkv = random_qkv<TypeParam>(s);
      qkv(place, 4) = std::numeric_limits<TypeParam>::quiet_NaN();
      Result<TypeParam> result(s);
      forward(s, qkv, result);
      for (const TypeParam value : result.out.elements()) ASSERT_TRUE(std::isnan(value)) << "key " << place;
    }
  });
}

TEST(AttentionGradient, AgreesWithFiniteDifferences) {
  on_every_isa([] {
    const Setting s{5, 2, 3, 1, {5, 1, 0, 3}};
    auto qkv = random_qkv<double>(s);
    const auto dout = random_dout<double>(s);
    Result<double> result(s);
    forward(s, qkv, result);
    backward(s, dout, qkv, result);
    const auto gradient = result.dqkv;
    expect_gradient(
        qkv, gradient,
        [&] {
          forward(s, qkv, result);
          return dot(result.out, dout);
        },
        "dqkv");
  });
}

TYPED_TEST(Attention, SameBitsForAnyThreadCount) {
  on_every_isa([] {
    for (const Setting& s : {Setting{64, 4, 32, 0, {64, 63, 0, 5}}, Setting{100, 1, 64, 3, {99}}}) {
      const auto qkv = random_qkv<TypeParam>(s);
      const auto dout = random_dout<TypeParam>(s);
      expect_same_bits_for_any_thread_count([&] {
        Result<TypeParam> result(s);
        forward(s, qkv, result);
        backward(s, dout, qkv, result);
        auto all = result.out.elements();
        append(all, result.dqkv.elements());
        return all;
      });
    }
  });
}

}  // namespace
}  // namespace filigree::dense
