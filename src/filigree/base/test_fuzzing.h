// Tests of cases drawn at random. A case is named by a number, from which all of it follows. Included by
// tests only.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "filigree/base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace filigree::test {

// The number in an environment variable. Errors (usage): it holds something else.
inline std::optional<std::uint64_t> number_in_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::string_view digits(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    fail_usage("{}={} is not a whole number", name, digits);
  }
  return value;
}

// Says how to run the present case again where it ends the whole program: a signal, a sanitizer's report.
class CrashNote {
 public:
  CrashNote() {
    struct sigaction action {};
    action.sa_handler = &on_signal;
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &before_[i]);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(&write_note);
#endif
  }
  ~CrashNote() {
    note_[0] = '\0';
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  CrashNote(const CrashNote&) = delete;
  CrashNote& operator=(const CrashNote&) = delete;

  // Kept ready: a handler may not format.
  void set(const std::string& text) { std::snprintf(note_.data(), note_.size(), "\n%s\n", text.c_str()); }

 private:
  static void write_note() {
    std::size_t length = 0;
    while (note_[length] != '\0') ++length;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, note_.data(), length);
  }
  // Leaves the signal to whoever had it before: the instruction that raised it runs again.
  static void on_signal(int signal) {
    write_note();
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      if (kSignals[i] == signal) ::sigaction(signal, &before_[i], nullptr);
    }
  }

  static constexpr std::array<int, 5> kSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  static inline std::array<struct sigaction, kSignals.size()> before_{};
  static inline std::array<char, 256> note_{};
};

// Calls check(case) for one case after the other, from number FILIGREE_FUZZ_SEED (1 where it is not set) on,
// until one fails or `time` is over: thirty times as much where FILIGREE_TEST_LONG is set. FILIGREE_FUZZ_CASE
// names one case to run alone. What fails, or crashes, prints how to run it again.
template <typename Check>
void fuzz(std::chrono::milliseconds time, const Check& check) {
  if (std::getenv("FILIGREE_TEST_LONG") != nullptr) time *= 30;
  const std::optional<std::uint64_t> only = number_in_environment("FILIGREE_FUZZ_CASE");
  const std::uint64_t first = only.value_or(number_in_environment("FILIGREE_FUZZ_SEED").value_or(1));
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  CrashNote note;
  std::uint64_t number = first;
  const auto start = std::chrono::steady_clock::now();
  do {
    const std::string again =
        fmt::format("to run this case again: FILIGREE_FUZZ_CASE={} and --gtest_filter={}.{}", number,
                    test.test_suite_name(), test.name());
    note.set(again);
    SCOPED_TRACE(again);
    try {
      check(number);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "an exception: " << error.what();
    }
    ++number;
  } while (!only && !testing::Test::HasFailure() && std::chrono::steady_clock::now() - start < time);
  fmt::print("cases {} to {}\n", first, number - 1);
}

}  // namespace filigree::test
