#include "filigree/base/main_guard.h"
#include "filigree/models/commands.h"

int main(int argc, char** argv) {
  return filigree::guarded_main([&] { return filigree::models::run_command({argv + 1, argv + argc}); });
}
