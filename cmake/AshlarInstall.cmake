# Installation: libraries, headers, pkg-config files and the CMake package; and what stands in for an
# installed jemalloc.
#
# The package's targets are ashlar::ashlar (shared) and ashlar::static. For pkg-config they are
# `ashlar` and `ashlar-static`. The `ashlar` command installs itself (cli/CMakeLists.txt).
if(ASHLAR_SANITIZE)
    return()
endif()
include(CMakePackageConfigHelpers)

install(TARGETS ashlar ashlar_static EXPORT ashlar-targets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/include/ashlar.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

# Paths in the .pc files start from where the file lies, so an installed tree can be moved.
set(ashlar_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ashlar")
set(ashlar_pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(ASHLAR_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
    set(ASHLAR_PC_LIBDIR "${CMAKE_INSTALL_FULL_LIBDIR}")
    set(ASHLAR_PC_INCLUDEDIR "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
    file(RELATIVE_PATH up "/${ashlar_pkgconfig_dir}" "/")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(ASHLAR_PC_PREFIX "\${pcfiledir}/${up}")
    set(ASHLAR_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
    set(ASHLAR_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
if(IS_ABSOLUTE "${ASHLAR_JEMALLOC_DIR}")
    set(ASHLAR_PC_JEMALLOC "${ASHLAR_JEMALLOC_DIR}")
else()
    set(ASHLAR_PC_JEMALLOC "\${prefix}/${ASHLAR_JEMALLOC_DIR}")
endif()
foreach(name IN ITEMS ashlar ashlar-static)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${ashlar_pkgconfig_dir}")
endforeach()

install(EXPORT ashlar-targets NAMESPACE ashlar:: DESTINATION "${ashlar_package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/ashlar-config.cmake.in"
    "${PROJECT_BINARY_DIR}/ashlar-config.cmake" INSTALL_DESTINATION "${ashlar_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ashlar-config-version.cmake"
    COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ashlar-config.cmake"
              "${PROJECT_BINARY_DIR}/ashlar-config-version.cmake"
    DESTINATION "${ashlar_package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/docs/ashlar.3" DESTINATION "${CMAKE_INSTALL_MANDIR}/man3")

# In place of jemalloc: a prefix of its own, laid out as jemalloc's, so that nothing meets a jemalloc that
# is installed and a program's --with-jemalloc=DIR finds all it looks for. The files in it find each
# other from where they lie.
install(TARGETS ashlar_jemalloc LIBRARY DESTINATION "${ASHLAR_JEMALLOC_DIR}/lib")
foreach(name IN ITEMS libjemalloc.a libjemalloc_pic.a)
    install(FILES "$<TARGET_FILE:ashlar_static>" DESTINATION "${ASHLAR_JEMALLOC_DIR}/lib"
        RENAME ${name})
endforeach()
install(DIRECTORY "${ASHLAR_JEMALLOC_INCLUDE}/" DESTINATION "${ASHLAR_JEMALLOC_DIR}/include")

file(STRINGS "${PROJECT_SOURCE_DIR}/include/jemalloc/jemalloc.h" version REGEX "^#define JEMALLOC_VERSION ")
string(REGEX REPLACE ".*\"(.*)\"" "\\1" ASHLAR_JEMALLOC_VERSION "${version}")
string(REGEX REPLACE "-g.*" "" ASHLAR_JEMALLOC_PC_VERSION "${ASHLAR_JEMALLOC_VERSION}")
string(REPLACE "-" "_" ASHLAR_JEMALLOC_PC_VERSION "${ASHLAR_JEMALLOC_PC_VERSION}")
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set(ASHLAR_BUILD_C_FLAGS "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}}")
string(STRIP "${ASHLAR_BUILD_C_FLAGS}" ASHLAR_BUILD_C_FLAGS)
set(ASHLAR_BUILD_CONFIG "CMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE} ASHLAR_PREFIX=${ASHLAR_PREFIX}")
string(APPEND ASHLAR_BUILD_CONFIG
    " ASHLAR_DEBUG=${ASHLAR_DEBUG} ASHLAR_MALLOC_CONF=${ASHLAR_MALLOC_CONF}")
foreach(name IN ITEMS jemalloc.pc jemalloc-config jemalloc.sh)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.in" "${PROJECT_BINARY_DIR}/${name}" @ONLY)
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/jemalloc.pc" DESTINATION "${ASHLAR_JEMALLOC_DIR}/lib/pkgconfig")
install(PROGRAMS "${PROJECT_BINARY_DIR}/jemalloc-config" "${PROJECT_BINARY_DIR}/jemalloc.sh"
    DESTINATION "${ASHLAR_JEMALLOC_DIR}/bin")
install(FILES "${PROJECT_SOURCE_DIR}/docs/ashlar.3" DESTINATION "${ASHLAR_JEMALLOC_DIR}/share/man/man3"
    RENAME jemalloc.3)
