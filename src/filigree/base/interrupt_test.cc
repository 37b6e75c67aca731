#include "filigree/base/interrupt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "filigree/base/test_support.h"

namespace filigree {
namespace {

using test::ChildProcess;

TEST(Interrupt, NothingIsInterruptedAtTheStart) { EXPECT_FALSE(interrupted()); }

TEST(Interrupt, TheFirstSignalAsksToStop) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ChildProcess child([&] {
      watch_for_interrupt();
      if (interrupted()) return 1;
      ::raise(signal);
      return interrupted() ? 0 : 2;
    });
    EXPECT_EQ(child.wait(), 0) << "signal " << signal;
  }
}

TEST(Interrupt, TheSecondSignalEndsTheProgramWith130) {
  ChildProcess child([] {
    watch_for_interrupt();
    ::raise(SIGINT);
    ::raise(SIGTERM);
    return 0;
  });
  EXPECT_EQ(child.wait(), 130);
}

// Work that a signal finds in a system call is not cut short: a checkpoint is written to its end.
TEST(Interrupt, SystemCallsAreRestarted) {
  std::array<int, 2> ready{};
  std::array<int, 2> input{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  ASSERT_EQ(::pipe(input.data()), 0);
  char byte = 'x';
  ChildProcess child([&] {
    watch_for_interrupt();
    if (::write(ready[1], &byte, 1) != 1) return 1;
    if (::read(input[0], &byte, 1) != 1) return 2;  // EINTR without SA_RESTART
    return interrupted() ? 0 : 3;
  });
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::usleep(20'000);  // into the read; too short a wait could only make the test pass
  child.kill(SIGINT);
  ::usleep(20'000);
  ASSERT_EQ(::write(input[1], &byte, 1), 1);
  EXPECT_EQ(child.wait(), 0);
  for (const int descriptor : {ready[0], ready[1], input[0], input[1]}) ::close(descriptor);
}

}  // namespace
}  // namespace filigree
