// Which MPI library this build uses.
#pragma once

#include <string>

namespace filigree::comm {

// The library's own description, one line: "Open MPI v4.1.4, ..."; empty in a build without MPI.
// Needs no MPI_Init.
std::string mpi_library();

}  // namespace filigree::comm
