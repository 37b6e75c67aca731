#include <exception>
#include <string>
#include <vector>

#include "filigree/base/main_guard.h"
#include "filigree/cli/command.h"

int main(int argc, char** argv) {
  return filigree::guarded_main([&] { return filigree::cli::run_command({argv + 1, argv + argc}); });
}
