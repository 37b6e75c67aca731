#include "filigree/comm/mpi_info.h"

#if defined(FILIGREE_MPI)
#include <mpi.h>
#endif

namespace filigree::comm {

std::string mpi_library() {
#if defined(FILIGREE_MPI)
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown MPI";
  const std::string library(text);               // Open MPI counts the final zero in `length`
  return library.substr(0, library.find('\n'));  // MPICH's description has many lines
#else
  return {};
#endif
}

}  // namespace filigree::comm
