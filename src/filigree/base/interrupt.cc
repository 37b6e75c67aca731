#include "filigree/base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace filigree {
namespace {

// Read by other threads than the one that the signal comes to: what such a handler may touch is a lock-free
// atomic.
std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int) {
  if (g_interrupted.exchange(true)) _exit(130);
}

}  // namespace

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupted.load(std::memory_order_relaxed); }

}  // namespace filigree
