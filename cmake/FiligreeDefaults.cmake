# Compiler settings that hold for every target.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers need these two, or ccache never hits.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${CCACHE_PROGRAM}")
endif()

# One place for warnings, sanitizers and code generation of our own targets.
# No -m flag for any file: instruction sets are chosen inside Highway's regions, so that no inline
# function shared between objects can be compiled for a newer CPU than the one that runs it.
function(filigree_target_defaults target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -fno-math-errno)
  if(FILIGREE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(FILIGREE_SANITIZE)
    # GCC 12 sees uninitialised variables in what the sanitizers insert.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
  foreach(sanitizer IN LISTS FILIGREE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${sanitizer} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${sanitizer})
    if(sanitizer STREQUAL "undefined")
      target_compile_options(${target} PRIVATE -fno-sanitize-recover=undefined)
    endif()
  endforeach()
endfunction()
