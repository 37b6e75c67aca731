// Runs a program and gives all that a test may ask about it.
#pragma once

#include <string>
#include <vector>

#include "filigree/base/test_support.h"

namespace filigree::test {

struct Outcome {
  int code = 0;  // exit code, or minus the signal that ended it
  std::string out;
  std::string err;
};

// `arguments` start with the program's path; `environment` ("NAME=value") is added to this process's.
// stdin is empty.
Outcome run_program(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {});

// Starts a program and leaves it running, without output; it is killed with the object.
ChildProcess start_program(const std::vector<std::string>& arguments);

}  // namespace filigree::test
