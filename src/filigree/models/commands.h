// The commands of filigree-bert, the program that LibTorch is linked to; `filigree bert ...` runs it.
#pragma once

#include <string>
#include <vector>

namespace filigree::models {

// Each takes the arguments behind its name and gives an exit code; may throw Error.
int bert_pretrain(const std::vector<std::string>& arguments);
int bert_fill(const std::vector<std::string>& arguments);
int torch_info(const std::vector<std::string>& arguments);

// Finds the command that `arguments` begin with, and runs it.
int run_command(const std::vector<std::string>& arguments);

}  // namespace filigree::models
