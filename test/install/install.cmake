# cmake -DBUILD=folder -DPREFIX=folder -P install.cmake: installs component by component into an
# empty folder, and compares the files of each with what it is for.
file(REMOVE_RECURSE ${PREFIX})
set(before "")
function(install_component component)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}
                          --component ${component} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB_RECURSE after RELATIVE ${PREFIX} ${PREFIX}/*)
  set(brought ${after})
  list(REMOVE_ITEM brought ${before})
  foreach(pattern IN LISTS ARGN)
    set(found ${brought})
    list(FILTER found INCLUDE REGEX "${pattern}")
    if(NOT found)
      message(FATAL_ERROR "component ${component} brought no file like ${pattern}: ${brought}")
    endif()
    list(FILTER brought EXCLUDE REGEX "${pattern}")
  endforeach()
  if(brought)
    message(FATAL_ERROR "component ${component} brought files that do not belong to it: ${brought}")
  endif()
  set(before ${after} PARENT_SCOPE)
endfunction()

set(documents "^share/doc/[^/]+/(copyright|changelog.gz)$")
install_component(runtime "^lib.*/libvyre\\.so\\.[0-9]+$" "^lib.*/libvyre\\.so\\.[0-9.]+$"
                  "${documents}")
install_component(development "^lib.*/libvyre\\.so$" "^lib.*/libvyre\\.a$"
                  "^include/vyre/(vyre\\.h|vyre\\.hpp|version\\.h|api/[a-z_]+\\.hpp)$"
                  "^lib.*/cmake/vyre/vyre-[a-z-]+\\.cmake$" "^lib.*/pkgconfig/vyre\\.pc$"
                  "${documents}")
install_component(command "^bin/vyre$" "^share/man/man1/vyre(-[a-z]+)?\\.1\\.gz$"
                  "^share/bash-completion/completions/vyre$" "^share/zsh/[a-z-]+/_vyre$"
                  "^share/fish/vendor_completions.d/vyre.fish$" "${documents}")
