# Public names: as they are, or all with a prefix.
#
# ASHLAR_PREFIX=je_ gives je_malloc, je_mallctl, je_malloc_conf, options in JE_MALLOC_CONF and
# /etc/je_malloc.conf, and leaves libc's functions and the C++ operators alone.
#
# ASHLAR_JEMALLOC_DIR     where what stands in for jemalloc is installed
# ASHLAR_EXPORTS          version script of libashlar.so
# ASHLAR_JEMALLOC_EXPORTS that of libjemalloc.so.2: without libc's own additions, which jemalloc lacks
# ASHLAR_JEMALLOC_INCLUDE folder with jemalloc/jemalloc.h
if(NOT ASHLAR_PREFIX MATCHES "^([A-Za-z_][A-Za-z0-9_]*)?$")
    message(FATAL_ERROR "ASHLAR_PREFIX is '${ASHLAR_PREFIX}', which cannot begin a C name")
endif()
if(ASHLAR_PREFIX AND BUILD_TESTING)
    message(FATAL_ERROR "The tests are for a build without ASHLAR_PREFIX")
endif()
string(TOUPPER "${ASHLAR_PREFIX}MALLOC_CONF" ASHLAR_CONF_VARIABLE)
set(ASHLAR_CONF_LINK "/etc/${ASHLAR_PREFIX}malloc.conf")

if(NOT ASHLAR_JEMALLOC_DIR)
    set(ASHLAR_JEMALLOC_DIR "${CMAKE_INSTALL_LIBDIR}/ashlar-jemalloc")
endif()

# What jemalloc leaves to libc.
set(ASHLAR_NOT_JEMALLOC reallocarray malloc_trim mallinfo mallinfo2 mallopt malloc_stats)

# Writes a version script to FILE: exports.map with the prefix, without the names in ARGN.
function(ashlar_write_exports FILE)
    set(map "${PROJECT_SOURCE_DIR}/src/api/exports.map")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${map}")
    file(READ "${map}" text)
    string(REGEX REPLACE "^.*global:(.*)local:.*$" "\\1" text "${text}")
    string(REGEX MATCHALL "[A-Za-z_0-9]+" names "${text}")
    set(lines "")
    foreach(name IN LISTS names)
        if(NOT name IN_LIST ARGN AND NOT (ASHLAR_PREFIX AND name MATCHES "^_Z"))
            string(APPEND lines "    ${ASHLAR_PREFIX}${name};\n")
        endif()
    endforeach()
    file(CONFIGURE OUTPUT "${FILE}" CONTENT "{\nglobal:\n${lines}local:\n    *;\n};\n" @ONLY)
endfunction()

set(ASHLAR_EXPORTS "${PROJECT_BINARY_DIR}/generated/exports.map")
set(ASHLAR_JEMALLOC_EXPORTS "${PROJECT_BINARY_DIR}/generated/exports-jemalloc.map")
ashlar_write_exports("${ASHLAR_EXPORTS}")
ashlar_write_exports("${ASHLAR_JEMALLOC_EXPORTS}" ${ASHLAR_NOT_JEMALLOC})

# The header: in `#define je_X X`, the second name is the library's.
set(ASHLAR_JEMALLOC_INCLUDE "${PROJECT_BINARY_DIR}/generated/include")
set(header "${PROJECT_SOURCE_DIR}/include/jemalloc/jemalloc.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}")
file(READ "${header}" text)
string(REGEX REPLACE "(#define je_[a-z0-9_]+) " "\\1 ${ASHLAR_PREFIX}" text "${text}")
file(CONFIGURE OUTPUT "${ASHLAR_JEMALLOC_INCLUDE}/jemalloc/jemalloc.h" CONTENT "${text}" @ONLY)
