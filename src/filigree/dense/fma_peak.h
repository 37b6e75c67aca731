// What this machine's multiply-add units give at most.
#pragma once

namespace filigree::dense {

// FP32 GFLOP/s of independent multiply-adds in registers, on the instruction set in use and as many threads
// as parallel loops have: the best of several short runs, some 50 ms in all.
double fma_peak_gflops();

}  // namespace filigree::dense
