# vyre_room(NAME [SOURCES ...] [LINK ...]): one static library `vyre_NAME` (alias vyre::NAME, with
# `_` for `/`) for a room. Which rooms it may link is not said here but in docs/layers.txt, so that
# there is one list.
file(STRINGS ${PROJECT_SOURCE_DIR}/docs/layers.txt vyre_layer_lines REGEX "^[0-9]")
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${PROJECT_SOURCE_DIR}/docs/layers.txt)
foreach(line IN LISTS vyre_layer_lines)
  string(REGEX MATCH "^([0-9]+) ([a-z_/]+):(.*)$" _ "${line}")
  set(vyre_floor_${CMAKE_MATCH_2} ${CMAKE_MATCH_1})
  string(STRIP "${CMAKE_MATCH_3}" deps)
  string(REPLACE " " ";" vyre_may_${CMAKE_MATCH_2} "${deps}")
endforeach()

# Most of the time to compile a file of a room goes into reading the standard library.
# All rooms share its headers precompiled, with the flags of rooms. A test (test/layout) checks that
# every file includes what it uses all the same; CMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without.
set(vyre_standard_headers <algorithm> <array> <atomic> <bit> <chrono> <condition_variable> <cstdint>
    <cstring> <deque> <functional> <limits> <map> <memory> <mutex> <optional> <set> <span> <string>
    <string_view> <thread> <tl/expected.hpp> <unordered_map> <unordered_set> <utility> <variant>
    <vector>)
set(vyre_room_properties POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp CONTENT
     "// Every target needs a source.\n")
add_library(vyre_precompiled OBJECT ${CMAKE_CURRENT_BINARY_DIR}/precompiled.cpp)
set_target_properties(vyre_precompiled PROPERTIES ${vyre_room_properties})
target_link_libraries(vyre_precompiled PRIVATE tl::expected Threads::Threads)
target_precompile_headers(vyre_precompiled PRIVATE ${vyre_standard_headers})

# Files of one target that are compiled as one read its headers and instantiate its templates once,
# which halves the time of a clean build. Compiled file by file (the dev preset), each file of a
# room shows that it includes what it needs and shadows no name of its own. Together, a local name
# may be one of another file.
function(vyre_compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
endfunction()
function(vyre_compile_room_together target)
  if(VYRE_TOGETHER STREQUAL "ALL")
    vyre_compile_together(${target})
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-shadow>)
  endif()
endfunction()

function(vyre_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(NOT DEFINED vyre_floor_${name})
    message(FATAL_ERROR "room '${name}' has no line in docs/layers.txt")
  endif()
  string(REPLACE "/" "_" target ${name})
  set(scope PUBLIC)
  if(arg_SOURCES)
    add_library(vyre_${target} STATIC ${arg_SOURCES})
    # Every room becomes a part of libvyre, which shows nothing of it.
    set_property(GLOBAL APPEND PROPERTY vyre_compiled_rooms vyre_${target})
    set_target_properties(vyre_${target} PROPERTIES ${vyre_room_properties})
    target_precompile_headers(vyre_${target} REUSE_FROM vyre_precompiled)
    vyre_compile_room_together(vyre_${target})
  else()
    add_library(vyre_${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(vyre::${target} ALIAS vyre_${target})
  target_include_directories(vyre_${target} ${scope} ${PROJECT_SOURCE_DIR}/include
    ${PROJECT_SOURCE_DIR}/host)
  if(name MATCHES "^cuda/")
    target_include_directories(vyre_${target} ${scope} ${PROJECT_SOURCE_DIR})
  endif()
  foreach(dep IN LISTS vyre_may_${name})
    if(vyre_floor_${dep} GREATER vyre_floor_${name})
      message(FATAL_ERROR
              "room '${name}' (floor ${vyre_floor_${name}}) may not use '${dep}' "
              "(floor ${vyre_floor_${dep}})")
    endif()
    string(REPLACE "/" "_" dep_target ${dep})
    target_link_libraries(vyre_${target} ${scope} vyre_${dep_target})
  endforeach()
  if(arg_LINK)
    target_link_libraries(vyre_${target} ${scope} ${arg_LINK})
  endif()
endfunction()

# A room whose sources are all .cpp files of its folder.
function(vyre_glob_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  vyre_room(${name} SOURCES ${sources} ${ARGN})
endfunction()

# A floor of several rooms: `vyre::NAME` links all of them.
function(vyre_wing name)
  add_library(vyre_${name} INTERFACE)
  add_library(vyre::${name} ALIAS vyre_${name})
  foreach(room IN LISTS ARGN)
    target_link_libraries(vyre_${name} INTERFACE vyre_${name}_${room})
  endforeach()
endfunction()
