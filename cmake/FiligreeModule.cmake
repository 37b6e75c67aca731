# filigree_module(NAME name [DEPS module...] [LIBS library...] [TORCH])
#
# Turns the naming rule of src/filigree/<name>/ into targets:
#   x.cc        -> the library filigree_<name>
#   x_test.cc   -> the program test_<name>   (ctest: unit.<name>)
#   x_bench.cc  -> the program bench_<name>
#   x_main.cc   -> left to the module's own CMakeLists.txt
# DEPS are modules of ours (layers.txt says which are allowed), LIBS are outside libraries.
function(filigree_module)
  cmake_parse_arguments(ARG "TORCH" "NAME" "DEPS;LIBS" ${ARGN})
  set(library filigree_${ARG_NAME})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(tests ${sources})
  set(benches ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|bench|main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")

  list(TRANSFORM ARG_DEPS PREPEND filigree_ OUTPUT_VARIABLE deps)
  if(sources)
    # Ops of nn register themselves with LibTorch's dispatcher: an object library is linked whole.
    if(ARG_TORCH)
      add_library(${library} OBJECT ${sources})
    else()
      add_library(${library} STATIC ${sources})
    endif()
    set(scope PUBLIC)
  else()
    add_library(${library} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${library} ${scope}
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src;${PROJECT_BINARY_DIR}/generated>"
    "$<INSTALL_INTERFACE:include>")
  target_compile_features(${library} ${scope} cxx_std_20)
  target_link_libraries(${library} ${scope} ${deps} ${ARG_LIBS})
  if(sources)
    filigree_target_defaults(${library})
  endif()
  if(ARG_TORCH AND sources)
    filigree_use_torch(${library})
  endif()

  if(FILIGREE_TESTS AND tests)
    add_executable(test_${ARG_NAME} ${tests})
    filigree_link_whole(test_${ARG_NAME} ${library} "${ARG_DEPS}")
    target_link_libraries(test_${ARG_NAME} PRIVATE GTest::gtest GTest::gtest_main)
    filigree_target_defaults(test_${ARG_NAME})
    if(ARG_TORCH)
      filigree_use_torch(test_${ARG_NAME})
    endif()
    add_test(NAME unit.${ARG_NAME} COMMAND test_${ARG_NAME})
  endif()
  if(FILIGREE_BENCH AND benches)
    add_executable(bench_${ARG_NAME} ${benches})
    filigree_link_whole(bench_${ARG_NAME} ${library} "${ARG_DEPS}")
    target_link_libraries(bench_${ARG_NAME} PRIVATE benchmark::benchmark benchmark::benchmark_main)
    filigree_target_defaults(bench_${ARG_NAME})
    if(ARG_TORCH)
      filigree_use_torch(bench_${ARG_NAME})
    endif()
  endif()
endfunction()

# Links a program with a module. CMake passes on the usage requirements of an object library but
# not its objects, so the objects of the torch modules below are named one by one.
function(filigree_link_whole program library deps)
  target_link_libraries(${program} PRIVATE ${library})
  foreach(name IN LISTS deps)
    get_target_property(type filigree_${name} TYPE)
    if(type STREQUAL "OBJECT_LIBRARY")
      target_sources(${program} PRIVATE $<TARGET_OBJECTS:filigree_${name}>)
    endif()
  endforeach()
endfunction()

# LibTorch's headers are SYSTEM (their warnings are not ours) and precompiled once per target.
function(filigree_use_torch target)
  filigree_torch_flags(${target})
  target_include_directories(${target} SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(${target} PUBLIC ${TORCH_LIBRARIES})
  if(NOT TARGET filigree_torch_pch)
    # Written once: a new time stamp would compile everything that includes LibTorch again.
    if(NOT EXISTS "${CMAKE_BINARY_DIR}/torch_pch.cc")
      file(WRITE "${CMAKE_BINARY_DIR}/torch_pch.cc" "")
    endif()
    add_library(filigree_torch_pch OBJECT "${CMAKE_BINARY_DIR}/torch_pch.cc")
    target_include_directories(filigree_torch_pch PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_include_directories(filigree_torch_pch SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
    target_link_libraries(filigree_torch_pch PUBLIC ${TORCH_LIBRARIES} fmt::fmt)
    if(FILIGREE_PARALLEL STREQUAL "openmp")
      target_link_libraries(filigree_torch_pch PUBLIC OpenMP::OpenMP_CXX)
    endif()
    filigree_target_defaults(filigree_torch_pch)
    filigree_torch_flags(filigree_torch_pch)
    target_precompile_headers(filigree_torch_pch PRIVATE "${PROJECT_SOURCE_DIR}/src/filigree/nn/torch.h")
  endif()
  target_precompile_headers(${target} REUSE_FROM filigree_torch_pch)
endfunction()

# A precompiled header serves only objects with the very same flags: programs are compiled as
# position-independent as libraries are. GCC 12 warns of array bounds inside LibTorch's headers where they are
# inlined into ours (a false alarm).
function(filigree_torch_flags target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC -Wno-array-bounds)
endfunction()
