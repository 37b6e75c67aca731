// Parallel loops: OpenMP, or std::thread in builds for thread sanitizer. Never nested: a loop
// started inside another runs on the calling thread. An exception in a body ends the loop and is
// thrown again on the calling thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace filigree {

// Number of threads that parallel loops use.
int thread_count();
// Sets it once, at the start of a program; 0 means all cores that the process may use.
void set_thread_count(int threads);
// Cores that the process may use (its CPU affinity).
int available_cores();
// "openmp" or "threads".
const char* parallel_backend();

namespace internal {

// A non-owning reference to a callable: no allocation per loop.
class TaskRef {
 public:
  // Not for a TaskRef: copying one must not wrap it.
  template <typename F, typename = std::enable_if_t<!std::is_same_v<F, TaskRef>>>
  explicit TaskRef(F& body)
      : object_(const_cast<void*>(static_cast<const void*>(&body))),
        call_([](void* object, std::int64_t task, int thread) { (*static_cast<F*>(object))(task, thread); }) {
  }
  void operator()(std::int64_t task, int thread) const { call_(object_, task, thread); }

 private:
  void* object_;
  void (*call_)(void*, std::int64_t, int);
};

void run_tasks(std::int64_t tasks, TaskRef body);

}  // namespace internal

// body(task, thread) for each task in [0, tasks), taken in rising order by whichever thread is free.
// Which thread runs a task is not fixed: results may depend on `task` alone.
template <typename F>
void parallel_tasks(std::int64_t tasks, F&& body) {
  internal::run_tasks(tasks, internal::TaskRef(body));
}

// body(begin, end) over [0, count) in chunks of `chunk` (the last may be shorter). Chunk bounds do
// not depend on the number of threads.
template <typename F>
void parallel_chunks(std::int64_t count, std::int64_t chunk, F&& body) {
  const std::int64_t tasks = (count + chunk - 1) / chunk;
  parallel_tasks(tasks, [&](std::int64_t task, int) {
    const std::int64_t begin = task * chunk;
    body(begin, std::min(count, begin + chunk));
  });
}

}  // namespace filigree
