#include "filigree/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace filigree {
namespace {

class Parallel : public ::testing::Test {
 protected:
  void TearDown() override { set_thread_count(0); }
};

TEST_F(Parallel, UsesTheCoresThatTheProcessMayUse) {
  set_thread_count(0);
  EXPECT_GE(available_cores(), 1);
  EXPECT_EQ(thread_count(), available_cores());
  set_thread_count(3);
  EXPECT_EQ(thread_count(), 3);
}

TEST_F(Parallel, RunsEachTaskOnceOnAKnownThread) {
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    for (const std::int64_t tasks : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      std::atomic<bool> known{true};
      parallel_tasks(tasks, [&](std::int64_t task, int thread) {
        ++runs[static_cast<std::size_t>(task)];
        if (thread < 0 || thread >= threads) known = false;
      });
      EXPECT_TRUE(known);
      for (const auto& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

TEST_F(Parallel, NegativeCountsRunNothing) {
  parallel_tasks(-1, [](std::int64_t, int) { FAIL(); });
}

// Each task waits until all have begun: only threads of their own can pass.
TEST_F(Parallel, TasksReallyRunAtTheSameTime) {
  const int threads = 3;
  set_thread_count(threads);
  std::atomic<int> begun{0};
  parallel_tasks(threads, [&](std::int64_t, int) {
    ++begun;
    while (begun < threads) std::this_thread::yield();
  });
  EXPECT_EQ(begun, threads);
}

TEST_F(Parallel, ChunkBoundsDependOnCountAndChunkAlone) {
  using Bounds = std::set<std::pair<std::int64_t, std::int64_t>>;
  for (const int threads : {1, 2, 4}) {
    set_thread_count(threads);
    std::mutex mutex;
    const auto bounds = [&](std::int64_t count, std::int64_t chunk) {
      Bounds found;
      parallel_chunks(count, chunk, [&](std::int64_t begin, std::int64_t end) {
        const std::lock_guard lock(mutex);
        found.emplace(begin, end);
      });
      return found;
    };
    EXPECT_EQ(bounds(10, 4), (Bounds{{0, 4}, {4, 8}, {8, 10}}));
    EXPECT_EQ(bounds(8, 4), (Bounds{{0, 4}, {4, 8}}));
    EXPECT_EQ(bounds(3, 100), (Bounds{{0, 3}}));
    EXPECT_EQ(bounds(0, 4), Bounds{});
  }
}

// The pattern of every reduction of ours: one partial sum a chunk, added in the chunks' order.
TEST_F(Parallel, SumsOverChunksHaveTheSameBitsForAnyNumberOfThreads) {
  std::vector<float> values(100'003);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0F / static_cast<float>(i * 7 % 1000 + 1);
  const auto sum = [&] {
    const auto count = static_cast<std::int64_t>(values.size());
    std::vector<float> partial(static_cast<std::size_t>((count + 999) / 1000));
    parallel_chunks(count, 1000, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        partial[static_cast<std::size_t>(begin / 1000)] += values[static_cast<std::size_t>(i)];
      }
    });
    float total = 0;
    for (const float part : partial) total += part;
    return total;
  };
  set_thread_count(1);
  const float expected = sum();
  for (const int threads : {2, 3, 8}) {
    set_thread_count(threads);
    for (int repeat = 0; repeat < 5; ++repeat) EXPECT_EQ(sum(), expected);
  }
}

TEST_F(Parallel, ALoopInsideALoopRunsOnItsCaller) {
  set_thread_count(4);
  std::atomic<int> runs{0};
  std::atomic<bool> elsewhere{false};
  parallel_tasks(8, [&](std::int64_t, int) {
    const std::thread::id caller = std::this_thread::get_id();
    parallel_tasks(8, [&](std::int64_t, int) {
      ++runs;
      if (std::this_thread::get_id() != caller) elsewhere = true;
    });
  });
  EXPECT_EQ(runs, 64);
  EXPECT_FALSE(elsewhere);
}

TEST_F(Parallel, AnExceptionReachesTheCallerAndEndsTheLoop) {
  for (const int threads : {1, 4}) {
    set_thread_count(threads);
    std::atomic<std::int64_t> runs{0};
    const std::int64_t many = std::int64_t{1} << 40;  // the test ends only if the loop does
    try {
      parallel_tasks(many, [&](std::int64_t task, int) {
        ++runs;
        if (task == 100) throw std::out_of_range("task 100");
      });
      FAIL() << "nothing was thrown";
    } catch (const std::out_of_range& error) {
      EXPECT_STREQ(error.what(), "task 100");
    }
    EXPECT_GE(runs, 101);
    // The next loop is a whole one again.
    runs = 0;
    parallel_tasks(50, [&](std::int64_t, int) { ++runs; });
    EXPECT_EQ(runs, 50);
  }
}

TEST_F(Parallel, OfManyExceptionsOneArrives) {
  set_thread_count(4);
  for (int repeat = 0; repeat < 20; ++repeat) {
    EXPECT_THROW(parallel_tasks(64, [](std::int64_t, int) { throw std::runtime_error("each"); }),
                 std::runtime_error);
  }
}

TEST_F(Parallel, AnExceptionOfAnInnerLoopCrossesBoth) {
  set_thread_count(2);
  EXPECT_THROW(parallel_tasks(4,
                              [](std::int64_t, int) {
                                parallel_tasks(4, [](std::int64_t, int) { throw std::logic_error("inner"); });
                              }),
               std::logic_error);
  // The threads that were inside are outside again: loops are parallel once more.
  std::atomic<int> begun{0};
  parallel_tasks(2, [&](std::int64_t, int) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  });
}

}  // namespace
}  // namespace filigree
