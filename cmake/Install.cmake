# What `cmake --install` puts where, below any prefix; the tree may be moved afterwards. And Debian packages of it, by cpack.
#
#   bin/skyfold                   the program
#   share/skyfold                 what it looks for beside itself: surveys, curation, presets; commented configurations, job scripts, the
#                                 Python module
#   share/man, share/{bash-completion,zsh,fish}, share/doc/skyfold
#   lib/cmake/skyfold, lib/skyfold, include/skyfold      for find_package(skyfold): the layers up to kernels
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)
set(SKYFOLD_PYTHON_DIR share/skyfold/python CACHE STRING "folder of the Python module, below the prefix")
set(data_dir share/skyfold)  # the program looks for it as ../share/skyfold, whatever the platform calls it

# The libraries of a site's MPI and HDF5 are found where they were when the program was linked: no module to load.
set_target_properties(skyfold PROPERTIES INSTALL_RPATH_USE_LINK_PATH TRUE)
install(TARGETS skyfold RUNTIME DESTINATION bin)

install(DIRECTORY config/ DESTINATION ${data_dir}/config FILES_MATCHING PATTERN "*.ini")
install(DIRECTORY slurm/ DESTINATION ${data_dir}/slurm PATTERN test-cluster EXCLUDE)
install(DIRECTORY python/skyfold DESTINATION ${SKYFOLD_PYTHON_DIR} FILES_MATCHING PATTERN "*.py" PATTERN py.typed)
if(SKYFOLD_PYTHON_DIR STREQUAL share/skyfold/python)
  install(FILES python/pyproject.toml python/README.md DESTINATION ${SKYFOLD_PYTHON_DIR})  # for pip
endif()
install(FILES LICENSE README.md CHANGELOG.md DESTINATION share/doc/skyfold)
install(FILES LICENSE DESTINATION share/doc/skyfold RENAME copyright)  # where Debian has it
install(DIRECTORY docs DESTINATION share/doc/skyfold)
install(DIRECTORY examples data-samples DESTINATION share/doc/skyfold PATTERN __pycache__ EXCLUDE PATTERN "*.run" EXCLUDE)

# Manual pages and completion: the program writes them.
set(manual ${CMAKE_BINARY_DIR}/manual)
install(CODE "
  set(program \"$<TARGET_FILE:skyfold>\")
  file(REMOVE_RECURSE ${manual})
  execute_process(COMMAND \${program} help --man ${manual} COMMAND_ERROR_IS_FATAL ANY)
  foreach(shell bash zsh fish)
    execute_process(COMMAND \${program} help --completion \${shell} OUTPUT_FILE ${manual}/\${shell} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()")
install(DIRECTORY ${manual}/ DESTINATION share/man/man1 FILES_MATCHING PATTERN "*.1")
install(FILES ${manual}/bash DESTINATION share/bash-completion/completions RENAME skyfold)
install(FILES ${manual}/zsh DESTINATION share/zsh/site-functions RENAME _skyfold)
install(FILES ${manual}/fish DESTINATION share/fish/vendor_completions.d RENAME skyfold.fish)

# --- the layers up to kernels, for C++ --------------------------------------------------------------
install(TARGETS core sky table plan kernels EXPORT skyfold
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/skyfold COMPONENT development
        FILE_SET HEADERS DESTINATION include COMPONENT development)
install(EXPORT skyfold FILE skyfoldTargets.cmake NAMESPACE skyfold:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/skyfold COMPONENT development)
configure_package_config_file(cmake/skyfoldConfig.cmake.in ${CMAKE_BINARY_DIR}/skyfoldConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/skyfold)
# Before 1.0 every minor version may change what is in the headers.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/skyfoldConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/skyfoldConfig.cmake ${CMAKE_BINARY_DIR}/skyfoldConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/skyfold COMPONENT development)

# --- Debian packages: cpack -G DEB ------------------------------------------------------------------
set(CPACK_PACKAGE_NAME skyfold)
set(CPACK_PACKAGE_VENDOR "the skyfold authors")
set(CPACK_PACKAGE_CONTACT "the skyfold authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "per-object computations over whole sky surveys")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_CURRENT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES TRUE)
set(CPACK_DEB_COMPONENT_INSTALL TRUE)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME skyfold)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS TRUE)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "openmpi-bin, python3-numpy, python3-astropy, python3-h5py, gnuplot-nox")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libskyfold-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "layers of skyfold for C++ programs: positions, tables, kernels")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libfmt-dev, libspdlog-dev, libboost-program-options-dev, libxxhash-dev, libhealpix-cxx-dev, libeigen3-dev, pkg-config")
include(CPack)
