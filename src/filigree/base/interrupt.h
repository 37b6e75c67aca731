// Ctrl-C and SIGTERM ask long work to stop at its next safe point; a second one ends the program at once.
#pragma once

namespace filigree {

// Installs the handlers. Call once, before long work.
void watch_for_interrupt();
// True once a signal has come.
bool interrupted();

}  // namespace filigree
