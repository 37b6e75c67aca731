// Reads, works and writes in parallel, in bounded memory, with results in the order of the input.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

#include "filigree/base/parallel.h"

namespace filigree::text {

// Repeats three steps until read gives false:
// - `bool read(Input&)` on one thread at a time, in order. The Input is an earlier one, to be overwritten.
// - `void work(Input&, Output&)` on all threads at once.
// - `void write(Input&, Output&)` on one thread at a time, in the order of reading.
//
// At most 2 * thread_count() inputs exist at a time. Of several errors the first in the order of the input is
// thrown, after all before it is written: what a run reports does not depend on the number of threads.
template <typename Input, typename Output>
class OrderedPipeline {
 public:
  template <typename Read, typename Work, typename Write>
  void run(Read&& read, Work&& work, Write&& write) {
    parallel_tasks(thread_count(), [&](std::int64_t, int) {
      for (Slot* slot = next_input(read); slot != nullptr; slot = next_input(read)) {
        if (!slot->error) guarded(*slot, [&] { work(slot->input, slot->output); });
        write_in_order(*slot, write);
      }
    });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  struct Slot {
    Input input;
    Output output;
    std::exception_ptr error;
    bool done = false;  // waits to be written
  };

  template <typename Body>
  static void guarded(Slot& slot, Body&& body) {
    try {
      body();
    } catch (...) {
      slot.error = std::current_exception();
    }
  }

  Slot& slot(std::uint64_t index) { return slots_[index % slots_.size()]; }

  // Fills the next free slot; none at the end.
  template <typename Read>
  Slot* next_input(Read& read) {
    const std::lock_guard reading(read_mutex_);
    {
      // The thread that holds the oldest input never waits here, so there is always one that goes on.
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return ended_ || read_ < written_ + slots_.size(); });
      if (ended_) return nullptr;
    }
    Slot& free = slot(read_);
    bool more = true;
    guarded(free, [&] { more = read(free.input); });
    const std::lock_guard lock(mutex_);
    if (free.error || !more) ended_ = true;
    if (!more) return nullptr;
    ++read_;
    return &free;
  }

  template <typename Write>
  void write_in_order(Slot& finished, Write& write) {
    std::unique_lock lock(mutex_);
    finished.done = true;
    if (writing_) return;  // the thread that writes will come to it
    writing_ = true;
    while (written_ < read_ && slot(written_).done && !failure_) {
      Slot& next = slot(written_);
      lock.unlock();
      if (!next.error) guarded(next, [&] { write(next.input, next.output); });
      lock.lock();
      if (next.error) {
        failure_ = next.error;
        ended_ = true;
      }
      next.done = false;
      ++written_;
      room_.notify_all();
    }
    writing_ = false;
  }

  std::mutex read_mutex_;  // held while reading; taken before mutex_
  std::mutex mutex_;       // guards what follows, and the slots' `done`
  std::condition_variable room_;
  std::vector<Slot> slots_ = std::vector<Slot>(2 * static_cast<std::size_t>(thread_count()));
  std::uint64_t read_ = 0;
  std::uint64_t written_ = 0;
  bool ended_ = false;
  bool writing_ = false;
  std::exception_ptr failure_;
};

}  // namespace filigree::text
