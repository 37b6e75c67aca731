// The commands that need LibTorch live in a program of their own, filigree-bert, so that all others
// start at once.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace filigree::cli {

// Where filigree-bert lies: beside this program, or empty.
std::filesystem::path torch_program();

// Replaces this process by `filigree-bert arguments...`; returns never.
// Errors (missing component): this build has no filigree-bert.
[[noreturn]] void run_torch_program(const std::vector<std::string>& arguments);

// Runs `filigree-bert arguments...` and gives what it writes to stdout.
// Errors: this build has no filigree-bert (missing component); it does not start or fails.
std::string torch_program_output(const std::vector<std::string>& arguments);

}  // namespace filigree::cli
