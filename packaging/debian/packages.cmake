# The Debian packages libvyre0, libvyre-dev and vyre, one for each component: `cpack` in a build
# with the preset `package`. dpkg-shlibdeps finds what a package depends on.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vyre)
set(CPACK_PACKAGE_VENDOR "the vyre-runtime authors")
# As for Debian's own tools, these variables name the maintainer of a package.
set(CPACK_PACKAGE_CONTACT "the vyre-runtime authors <vyre-runtime@localhost>")
if(DEFINED ENV{DEBEMAIL})
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};${PROJECT_NAME};ALL;/")
set(CPACK_COMPONENTS_ALL runtime development command)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY >=)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(library_package libvyre${VYRE_ABI_VERSION})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
if(libhs_FOUND)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS libhyperscan5)
endif()
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/triggers)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "small jobs over streaming bytes, shared library
The library hands work items of 16 bytes to a GPU kernel that stays, or to CPU
threads where there is no GPU. It checks programs before they run, and they
give the same bytes on every executor.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libvyre-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library_package} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS
    "libfmt-dev, libspdlog-dev, liburing-dev, zlib1g-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "small jobs over streaming bytes, development files
Headers for C and C++, the static library, and files for CMake and pkg-config.
Linking the static library also needs the packages that this one suggests.")
set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME vyre)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION utils)
set(CPACK_COMPONENT_COMMAND_DESCRIPTION "small jobs over streaming bytes, command line
The command runs VIR0 programs over files, records and replays the runs, and
reports on them.")

# What Debian's policy wants of every package: a copyright file and a compressed changelog.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)  # of SOURCE_DATE_EPOCH where that is set
configure_file(debian/changelog.in ${CMAKE_CURRENT_BINARY_DIR}/changelog @ONLY)
execute_process(COMMAND gzip -9 -n -f -k ${CMAKE_CURRENT_BINARY_DIR}/changelog
                COMMAND_ERROR_IS_FATAL ANY)
foreach(component runtime development command)
  string(TOUPPER ${component} upper)
  install(FILES debian/copyright ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}
          COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
include(CPack)
