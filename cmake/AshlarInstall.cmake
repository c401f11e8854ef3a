# Installation: libraries, headers, pkg-config files and the CMake package.
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
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h")

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
