// What every program's main does with errors: one message on stderr and the error's exit code. Standard
// output that cannot be written is an error too.
#pragma once

#include <functional>

namespace filigree {

int guarded_main(const std::function<int()>& body);

}  // namespace filigree
