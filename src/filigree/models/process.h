// Settings of the whole process that training wants.
#pragma once

namespace filigree::models {

// Once, at the start of a command: `threads` (0: all cores) for our loops, OpenBLAS and LibTorch; memory
// that a step frees stays with the process, since the next step asks for the same sizes again.
// Errors (usage): FILIGREE_ISA is none of this CPU's instruction sets.
void prepare_process(int threads);

}  // namespace filigree::models
