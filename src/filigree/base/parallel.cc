#include "filigree/base/parallel.h"

#include <sched.h>

#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#if defined(FILIGREE_PARALLEL_OPENMP)
#include <omp.h>
#endif

namespace filigree {
namespace {

std::atomic<int> g_threads{0};
thread_local bool t_inside = false;

// Hands out tasks and keeps the first exception.
class TaskQueue {
 public:
  TaskQueue(std::int64_t tasks, internal::TaskRef body) : tasks_(tasks), body_(body) {}

  void work(int thread) noexcept {
    const bool was_inside = t_inside;
    t_inside = true;
    for (;;) {
      const std::int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks_) break;
      try {
        body_(task, thread);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        next_.store(tasks_, std::memory_order_relaxed);
      }
    }
    t_inside = was_inside;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::int64_t tasks_;
  internal::TaskRef body_;
  std::atomic<std::int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

// A loop on the calling thread is no parallel region to OpenMP. OpenBLAS would start threads in it and
// split its sums otherwise than where the same loop runs on several threads.
class OneOpenMpThread {
#if defined(FILIGREE_PARALLEL_OPENMP)
 public:
  OneOpenMpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOpenMpThread() { omp_set_num_threads(before_); }
  OneOpenMpThread(const OneOpenMpThread&) = delete;
  OneOpenMpThread& operator=(const OneOpenMpThread&) = delete;

 private:
  int before_;
#else
 public:
  OneOpenMpThread() {}
#endif
};

// OMP_THREAD_LIMIT: OpenBLAS would wait for ever for threads that OpenMP does not give.
int thread_limit() {
#if defined(FILIGREE_PARALLEL_OPENMP)
  return omp_get_thread_limit();
#else
  return std::numeric_limits<int>::max();
#endif
}

}  // namespace

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1U, std::thread::hardware_concurrency());
}

int thread_count() {
  const int threads = g_threads.load(std::memory_order_relaxed);
  return std::min(threads > 0 ? threads : available_cores(), thread_limit());
}

void set_thread_count(int threads) {
  g_threads.store(threads > 0 ? threads : available_cores(), std::memory_order_relaxed);
#if defined(FILIGREE_PARALLEL_OPENMP)
  omp_set_num_threads(thread_count());
#endif
}

const char* parallel_backend() {
#if defined(FILIGREE_PARALLEL_OPENMP)
  return "openmp";
#else
  return "threads";
#endif
}

namespace internal {

void run_tasks(std::int64_t tasks, TaskRef body) {
  if (tasks <= 0) return;
  TaskQueue queue(tasks, body);
  const int threads = static_cast<int>(std::min<std::int64_t>(thread_count(), tasks));
  if (threads == 1 || t_inside) {
    const OneOpenMpThread one;
    queue.work(0);
    queue.rethrow();
    return;
  }
#if defined(FILIGREE_PARALLEL_OPENMP)
#pragma omp parallel num_threads(threads)
  queue.work(omp_get_thread_num());
#else
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(threads) - 1);
  for (int i = 1; i < threads; ++i) others.emplace_back([&queue, i] { queue.work(i); });
  queue.work(0);
  for (std::thread& other : others) other.join();
#endif
  queue.rethrow();
}

}  // namespace internal
}  // namespace filigree
