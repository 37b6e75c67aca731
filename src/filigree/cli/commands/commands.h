// One function a command; each is defined in commands/<area>_<verb>.cc.
#pragma once

#include <string>
#include <vector>

namespace filigree::cli {

int info(const std::vector<std::string>& arguments);
int bert_prepare(const std::vector<std::string>& arguments);
int bert_pretrain(const std::vector<std::string>& arguments);
int bert_fill(const std::vector<std::string>& arguments);
int sparse_plan(const std::vector<std::string>& arguments);
int sparse_bench(const std::vector<std::string>& arguments);
int sparse_report(const std::vector<std::string>& arguments);

}  // namespace filigree::cli
