# One static library per folder under src/. The link line of a layer is the architecture: a layer can
# include only what it links, and third-party headers are on the include path of its .cpp files alone.
#
#   skyfold_layer(NAME LAYERS lower... THIRD_PARTY targets...)
function(skyfold_layer name)
  cmake_parse_arguments(ARG "" "" "LAYERS;THIRD_PARTY" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/${name}/*.cpp")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/skyfold/${name}/*.hpp")
  add_library(${name} STATIC ${sources})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/include" FILES ${headers})
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  # Warnings are ours alone; who uses an installed layer needs its standard.
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PUBLIC $<BUILD_INTERFACE:skyfold_flags> ${ARG_LAYERS} PRIVATE ${ARG_THIRD_PARTY})
endfunction()
