# The library: from src/sources.cmake to libashlar.so, libashlar.a, libjemalloc.so.2 and, for tests,
# ashlar_unit.
find_package(Threads REQUIRED)

configure_file("${PROJECT_SOURCE_DIR}/src/base/config.h.in"
               "${PROJECT_BINARY_DIR}/generated/base/config.h" @ONLY)

# Lowest layer first, as in src/README.md.
set(ASHLAR_LAYERS BASE OS SYNC OPT META PAGES PROF HEAP CACHE HARDEN ALLOC STATS CTL REPORT API)
set(ASHLAR_SOURCES)
foreach(layer IN LISTS ASHLAR_LAYERS)
    foreach(source IN LISTS ASHLAR_SOURCES_${layer})
        list(APPEND ASHLAR_SOURCES "${PROJECT_SOURCE_DIR}/src/${source}")
    endforeach()
endforeach()

# What runs seldom is compiled for size.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    foreach(source IN LISTS ASHLAR_SOURCES_OPT ASHLAR_SOURCES_STATS ASHLAR_SOURCES_CTL
            ASHLAR_SOURCES_REPORT ITEMS api/init.c api/fork.c pages/map.c alloc/foreign.c)
        set_source_files_properties("${PROJECT_SOURCE_DIR}/src/${source}" PROPERTIES
            COMPILE_OPTIONS -Os)
    endforeach()
endif()

set(ASHLAR_INCLUDE_DIRECTORIES
    "${PROJECT_SOURCE_DIR}/src"
    "${PROJECT_SOURCE_DIR}/include"
    "${PROJECT_BINARY_DIR}/generated")

function(ashlar_library_settings TARGET)
    target_include_directories(${TARGET} PRIVATE ${ASHLAR_INCLUDE_DIRECTORIES})
    target_compile_options(${TARGET} PRIVATE ${ASHLAR_LIBRARY_WARNINGS} ${ASHLAR_LIBRARY_FLAGS})
    if(ASHLAR_DEBUG)
        target_compile_definitions(${TARGET} PRIVATE ASHLAR_DEBUG=1)
    endif()
    if(ASHLAR_PREFIX)
        target_compile_definitions(${TARGET} PRIVATE ASHLAR_API_PREFIX=${ASHLAR_PREFIX})
    endif()
endfunction()

if(NOT ASHLAR_SANITIZE)
    add_library(ashlar_objects OBJECT ${ASHLAR_SOURCES})
    ashlar_library_settings(ashlar_objects)

    # Targets made of objects alone must be told the language; a source would be one more translation
    # unit with nothing in it.
    function(ashlar_add_shared TARGET SOVERSION EXPORTS)
        add_library(${TARGET} SHARED $<TARGET_OBJECTS:ashlar_objects>)
        set_target_properties(${TARGET} PROPERTIES
            LINKER_LANGUAGE C
            SOVERSION ${SOVERSION}
            LINK_DEPENDS "${EXPORTS};${PROJECT_SOURCE_DIR}/cmake/layout.ld")
        target_link_options(${TARGET} PRIVATE
            ${ASHLAR_LINK_FLAGS} "LINKER:--version-script,${EXPORTS}")
        target_link_libraries(${TARGET} PRIVATE Threads::Threads)
    endfunction()
    ashlar_add_shared(ashlar 1 "${ASHLAR_EXPORTS}")
    ashlar_add_shared(ashlar_jemalloc 2 "${ASHLAR_JEMALLOC_EXPORTS}")
    set_target_properties(ashlar_jemalloc PROPERTIES
        OUTPUT_NAME jemalloc
        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/jemalloc")

    # One relocatable object: hidden names become local, so they cannot meet a program's own names.
    # What is left global is exactly what libashlar.so exports.
    set(combined "${PROJECT_BINARY_DIR}/lib/ashlar.o")
    add_custom_command(
        OUTPUT "${combined}"
        COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/lib"
        COMMAND "${CMAKE_LINKER}" -r -o "${combined}" $<TARGET_OBJECTS:ashlar_objects>
        COMMAND "${CMAKE_OBJCOPY}" --localize-hidden "${combined}"
        DEPENDS ashlar_objects $<TARGET_OBJECTS:ashlar_objects>
        COMMENT "Combining libashlar.a's only object"
        COMMAND_EXPAND_LISTS VERBATIM)
    add_library(ashlar_static STATIC "${combined}")
    set_source_files_properties("${combined}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    set_target_properties(ashlar_static PROPERTIES
        LINKER_LANGUAGE C
        OUTPUT_NAME ashlar
        EXPORT_NAME static)
    target_link_libraries(ashlar_static INTERFACE Threads::Threads)
    # Take the object out of the archive even when only shared libraries of the program call malloc.
    target_link_options(ashlar_static INTERFACE LINKER:-u,${ASHLAR_PREFIX}malloc)

    foreach(target IN ITEMS ashlar ashlar_static)
        target_include_directories(${target} INTERFACE
            "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
            "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR};${ASHLAR_JEMALLOC_DIR}/include>")
    endforeach()
endif()

if(BUILD_TESTING)
    add_library(ashlar_unit STATIC ${ASHLAR_SOURCES})
    ashlar_library_settings(ashlar_unit)
    target_compile_definitions(ashlar_unit PRIVATE ASHLAR_API_PREFIX=ashlar_)
    # Tests see internals, and see the same structures as the library.
    target_include_directories(ashlar_unit INTERFACE ${ASHLAR_INCLUDE_DIRECTORIES})
    target_compile_definitions(ashlar_unit INTERFACE
        ASHLAR_API_PREFIX=ashlar_ $<$<BOOL:${ASHLAR_DEBUG}>:ASHLAR_DEBUG=1>)
    target_link_libraries(ashlar_unit PUBLIC Threads::Threads)
endif()
