#include "filigree/dense/embedding.h"

#include "filigree/dense/testing.h"

namespace filigree::dense {
namespace {

using namespace filigree::dense::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
class Embedding : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Embedding, Types);

constexpr std::int64_t kVocabulary = 50;
constexpr std::int64_t kPositions = 12;
constexpr std::int64_t kTypes = 3;

template <typename Index>
std::vector<Index> random_indices(std::int64_t count, std::int64_t bound, std::uint64_t seed) {
  Philox philox(seed, Purpose::kTest, 1);
  std::vector<Index> out(static_cast<std::size_t>(count));
  for (Index& index : out) index = static_cast<Index>(philox.below(static_cast<std::uint64_t>(bound)));
  return out;
}

// A call of embed: the tables, their gradients, the ids. Without types all tokens have type 0.
template <typename T>
struct Case {
  Case(const Shape& s, std::int64_t sequence, bool with_types)
      : sequence(sequence),
        ids(random_indices<std::int32_t>(s.rows, kVocabulary, 1)),
        type_ids(random_indices<std::int32_t>(with_types ? s.rows : 0, kTypes, 2)),
        words(Matrix<T>::random(kVocabulary, s.columns, s.gap, 3)),
        positions(Matrix<T>::random(kPositions, s.columns, s.gap, 4)),
        types(Matrix<T>::random(kTypes, s.columns, s.gap, 5)),
        dout(Matrix<T>::random(s.rows, s.columns, s.gap, 6)),
        out(s.rows, s.columns, s.gap),
        dwords(kVocabulary, s.columns, s.gap, T(77)),
        dpositions(kPositions, s.columns, s.gap, T(77)),
        dtypes(kTypes, s.columns, s.gap, T(77)) {}

  void forward() {
    embed<T>(ids, type_ids, sequence, words.view(), positions.view(), types.view(), out.view());
  }
  void backward() {
    embed_backward<T>(ids, type_ids, sequence, dout.view(), dwords.view(), dpositions.view(), dtypes.view());
  }
  std::int64_t type(std::int64_t token) const {
    return type_ids.empty() ? 0 : type_ids[static_cast<std::size_t>(token)];
  }

  std::int64_t sequence;
  std::vector<std::int32_t> ids, type_ids;
  Matrix<T> words, positions, types, dout, out, dwords, dpositions, dtypes;
};

TYPED_TEST(Embedding, MatchesPlainLoops) {
  const ThreadCount one(1);
  for (const Shape& s : awkward_shapes()) {
    for (const bool with_types : {false, true}) {
      for (const std::int64_t sequence : {std::int64_t{1}, std::int64_t{7}, kPositions}) {
        Case<TypeParam> c(s, sequence, with_types);
        Matrix<double> out(s.rows, s.columns), dwords(kVocabulary, s.columns),
            dpositions(kPositions, s.columns), dtypes(kTypes, s.columns);
        for (std::int64_t t = 0; t < s.rows; ++t) {
          const std::int64_t word = c.ids[static_cast<std::size_t>(t)], position = t % sequence,
                             type = c.type(t);
          for (std::int64_t i = 0; i < s.columns; ++i) {
            out(t, i) = static_cast<double>(c.words(word, i)) +
                        static_cast<double>(c.positions(position, i)) + static_cast<double>(c.types(type, i));
            dwords(word, i) += static_cast<double>(c.dout(t, i));
            dpositions(position, i) += static_cast<double>(c.dout(t, i));
            dtypes(type, i) += static_cast<double>(c.dout(t, i));
          }
        }
        c.forward();
        expect_close(c.out, out, ulps<TypeParam>(2), "out");
        c.backward();
        expect_close(c.dwords, dwords, ulps<TypeParam>(16), "dwords");
        expect_close(c.dpositions, dpositions, ulps<TypeParam>(64), "dpositions");
        expect_close(c.dtypes, dtypes, ulps<TypeParam>(64), "dtypes");
      }
    }
  }
}

TYPED_TEST(Embedding, IdsOutOfRangeAreUsageErrors) {
  for (const std::int32_t bad : {-1, 50}) {
    Case<TypeParam> c({20, 4, 0}, 5, true);
    c.ids[13] = bad;
    expect_usage_error([&] { c.forward(); }, fmt::format("word {} at place 13", bad));
    expect_usage_error([&] { c.backward(); }, fmt::format("word {} at place 13", bad));
  }
  for (const std::int32_t bad : {-1, 3}) {
    Case<TypeParam> c({20, 4, 0}, 5, true);
    c.type_ids[7] = bad;
    expect_usage_error([&] { c.forward(); }, fmt::format("segment type {} at place 7", bad));
    expect_usage_error([&] { c.backward(); }, fmt::format("segment type {} at place 7", bad));
  }
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{0}, kPositions + 1}) {
    Case<TypeParam> c({20, 4, 0}, bad, false);
    expect_usage_error([&] { c.forward(); }, fmt::format("sequences of {}", bad));
    expect_usage_error([&] { c.backward(); }, fmt::format("sequences of {}", bad));
  }
  Case<TypeParam> no_types({20, 4, 0}, 5, false);
  no_types.types = Matrix<TypeParam>(0, 4);
  no_types.dtypes = Matrix<TypeParam>(0, 4);
  expect_usage_error([&] { no_types.forward(); }, "segment type");
  expect_usage_error([&] { no_types.backward(); }, "segment type");
  Case<TypeParam> short_types({20, 4, 0}, 5, true);
  short_types.type_ids.pop_back();
  expect_usage_error([&] { short_types.forward(); }, "19 segment types for 20 tokens");
  expect_usage_error([&] { short_types.backward(); }, "19 segment types for 20 tokens");
}

TYPED_TEST(Embedding, GatherMatchesPlainLoops) {
  const ThreadCount one(1);
  for (const Shape& s : awkward_shapes()) {
    for (const std::int64_t source : {1, 40, 300}) {
      const auto x = Matrix<TypeParam>::random(source, s.columns, s.gap, 1);
      const auto dout = Matrix<TypeParam>::random(s.rows, s.columns, s.gap, 2);
      const auto rows = random_indices<std::int64_t>(s.rows, source, 3);
      Matrix<double> expected(s.rows, s.columns), dexpected(source, s.columns);
      for (std::int64_t r = 0; r < s.rows; ++r) {
        const std::int64_t from = rows[static_cast<std::size_t>(r)];
        for (std::int64_t c = 0; c < s.columns; ++c) {
          expected(r, c) = static_cast<double>(x(from, c));
          dexpected(from, c) += static_cast<double>(dout(r, c));
        }
      }
      Matrix<TypeParam> out(s.rows, s.columns, s.gap);
      gather_rows<TypeParam>(x.view(), rows, out.view());
      expect_close(out, expected, 0, "out");
      Matrix<TypeParam> dx(source, s.columns, s.gap, TypeParam(77));
      gather_rows_backward<TypeParam>(dout.view(), rows, dx.view());
      expect_close(dx, dexpected, ulps<TypeParam>(64), "dx");
    }
  }
}

TYPED_TEST(Embedding, GatheredRowsOutOfRangeAreUsageErrors) {
  Matrix<TypeParam> x(6, 4);
  Matrix<TypeParam> out(3, 4);
  for (const std::int64_t bad : {-1, 6}) {
    const std::vector<std::int64_t> rows = {0, bad, 5};
    expect_usage_error([&] { gather_rows<TypeParam>(x.view(), rows, out.view()); },
                       fmt::format("row {} at place 1", bad));
    expect_usage_error([&] { gather_rows_backward<TypeParam>(out.view(), rows, x.view()); },
                       fmt::format("row {} at place 1", bad));
  }
}

TEST(EmbeddingGradient, AgreesWithFiniteDifferences) {
  for (const bool with_types : {false, true}) {
    Case<double> c({13, 3, 1}, 5, with_types);
    c.backward();
    const auto loss = [&] {
      c.forward();
      return dot(c.out, c.dout);
    };
    expect_gradient(c.words, c.dwords, loss, "dwords");
    expect_gradient(c.positions, c.dpositions, loss, "dpositions");
    expect_gradient(c.types, c.dtypes, loss, "dtypes");
  }
}

TEST(EmbeddingGradient, OfGatheredRowsAgreesWithFiniteDifferences) {
  auto x = Matrix<double>::random(6, 3, 1, 1);
  const auto dout = Matrix<double>::random(8, 3, 1, 2);
  const std::vector<std::int64_t> rows = {5, 0, 0, 3, 5, 1, 0, 3};
  Matrix<double> dx(6, 3, 1), out(8, 3, 1);
  gather_rows_backward<double>(dout.view(), rows, dx.view());
  expect_gradient(
      x, dx,
      [&] {
        gather_rows<double>(x.view(), rows, out.view());
        return dot(out, dout);
      },
      "dx");
}

TYPED_TEST(Embedding, SameBitsForAnyThreadCount) {
  expect_same_bits_for_any_thread_count([] {
    Case<TypeParam> c({1000, 17, 5}, kPositions, true);
    c.forward();
    c.backward();
    Matrix<TypeParam> dx(40, 17, 5);
    gather_rows_backward<TypeParam>(c.dout.view(), random_indices<std::int64_t>(1000, 40, 8), dx.view());
    std::vector<TypeParam> all;
    for (const auto* m : {&c.out, &c.dwords, &c.dpositions, &c.dtypes, &dx}) append(all, m->elements());
    return all;
  });
}

}  // namespace
}  // namespace filigree::dense
