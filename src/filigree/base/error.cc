#include "filigree/base/error.h"

#include <cerrno>
#include <system_error>

namespace filigree {

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

std::string write_errno_text(int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  return errno_text(error_number) + (full ? "; free some space and run the same command again" : "");
}

}  // namespace filigree
