#include "filigree/base/main_guard.h"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>

#include "filigree/base/error.h"
#include "filigree/base/log.h"

namespace filigree {

int guarded_main(const std::function<int()>& body) {
  try {
    const int code = body();
    // Results wait in a buffer: a full disk shows only now.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      fail("cannot write to standard output: {}", errno_text(errno));
    }
    return code;
  } catch (const Error& error) {
    log_error("{}", error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    log_error("out of memory; use a smaller model, batch or sequence");
  } catch (const std::exception& error) {
    log_error("{}", error.what());
  }
  return static_cast<int>(ExitCode::kFailed);
}

}  // namespace filigree
