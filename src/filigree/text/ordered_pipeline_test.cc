#include "filigree/text/ordered_pipeline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace filigree::text {
namespace {

class OrderedPipelineTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_thread_count(GetParam()); }
  void TearDown() override { set_thread_count(0); }
};

// Takes longer for some numbers, so that later ones overtake.
void dawdle(int number) {
  if (number % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
}

TEST_P(OrderedPipelineTest, KeepsTheOrder) {
  OrderedPipeline<int, int> pipeline;
  int next = 0;
  std::vector<int> written;
  pipeline.run(
      [&](int& input) {
        input = next++;
        return input < 500;
      },
      [](int& input, int& output) {
        dawdle(input);
        output = input * input;
      },
      [&](int& input, int& output) {
        EXPECT_EQ(output, input * input);
        written.push_back(input);
      });
  ASSERT_EQ(written.size(), 500U);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(written[static_cast<std::size_t>(i)], i);
}

TEST_P(OrderedPipelineTest, ThrowsTheFirstErrorOfTheInput) {
  for (int round = 0; round < 20; ++round) {
    OrderedPipeline<int, int> pipeline;
    int next = 0;
    int written = 0;
    try {
      pipeline.run(
          [&](int& input) {
            input = next++;
            if (input == 45) throw std::runtime_error("read 45");
            return true;
          },
          [](int& input, int&) {
            dawdle(input);
            if (input >= 42) throw std::runtime_error("work " + std::to_string(input));
          },
          [&](int&, int&) { ++written; });
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "work 42");
    }
    EXPECT_EQ(written, 42);
  }
}

TEST_P(OrderedPipelineTest, ErrorsOfReadingAndWritingEndIt) {
  int next = 0;
  const auto read = [&](int& input) {
    input = next++;
    if (input == 100) throw std::runtime_error("read");
    return true;
  };
  const auto work = [](int&, int&) {};
  EXPECT_THROW((OrderedPipeline<int, int>().run(read, work, [](int&, int&) {})), std::runtime_error);
  next = 0;
  EXPECT_THROW(
      (OrderedPipeline<int, int>().run(read, work, [](int&, int&) { throw std::logic_error("write"); })),
      std::logic_error);
}

INSTANTIATE_TEST_SUITE_P(Threads, OrderedPipelineTest, ::testing::Values(1, 2, 5));

}  // namespace
}  // namespace filigree::text
