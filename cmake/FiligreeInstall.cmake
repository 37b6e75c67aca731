# What `cmake --install` gives to other projects: the modules that are free of torch, as filigree::<module>
# behind find_package(filigree). The programs install themselves (src/filigree/cli, src/filigree/models).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/filigree")

set(modules base numerics comm run text dense sparse scaling)
foreach(module IN LISTS modules)
  set_target_properties(filigree_${module} PROPERTIES EXPORT_NAME ${module})
  add_library(filigree::${module} ALIAS filigree_${module})
  install(TARGETS filigree_${module} EXPORT filigree COMPONENT development
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/filigree/${module}" COMPONENT development
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/filigree"
    FILES_MATCHING PATTERN "*.h" PATTERN "test*.h" EXCLUDE)
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/generated/filigree/base/version.h" COMPONENT development
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/filigree/base")
set_target_properties(filigree_openblas PROPERTIES EXPORT_NAME openblas)
install(TARGETS filigree_openblas EXPORT filigree COMPONENT development)

install(EXPORT filigree NAMESPACE filigree:: COMPONENT development DESTINATION "${package_folder}"
  FILE filigreeTargets.cmake)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/filigreeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/filigreeConfig.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/filigreeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/filigreeConfig.cmake" "${PROJECT_BINARY_DIR}/filigreeConfigVersion.cmake"
  COMPONENT development DESTINATION "${package_folder}")
