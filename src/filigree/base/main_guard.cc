#include "filigree/base/main_guard.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "filigree/base/error.h"
#include "filigree/base/log.h"

namespace filigree {
namespace {

// A file that is opened while standard input, output or error is closed would take its number, and what is
// meant for a terminal would end in that file.
void open_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is this one. Results for a closed output stay an error: it cannot be written.
    const int opened = ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != stream && opened >= 0) ::close(opened);
  }
}

}  // namespace

int guarded_main(const std::function<int()>& body) {
  open_standard_streams();
  // A file above `ulimit -f` is then an error of the write, which says what it was.
  (void)std::signal(SIGXFSZ, SIG_IGN);
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
