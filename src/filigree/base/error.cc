#include "filigree/base/error.h"

#include <system_error>

namespace filigree {

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace filigree
