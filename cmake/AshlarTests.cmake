# How tests are added. Every test gets a label, a time limit and 77 as the exit status for "skipped".
#
# ashlar_add_unit_test(NAME source... [ARGS a...] [LABELS l...] [TIMEOUT s])
#     One program; links ashlar_unit (internals) and cmocka. Label: unit.
# ashlar_add_api_test(NAME source... [ARGS a...] [LABELS l...] [TIMEOUT s] [FLAVOURS f...])
#     The same sources as NAME_prefixed (links ashlar_unit, TEST_PREFIXED defined; see
#     test/support/api.h), NAME_shared (libashlar.so) and NAME_static (libashlar.a). The last two are
#     left out of sanitizer builds. FLAVOURS chooses among prefixed, shared and static. Label: api.
# ashlar_set_test_defaults(NAME TIMEOUT label...)
#     The same properties for a test made with add_test().
# Relative sources are taken from the calling folder; includes from src/, include/ and test/.
# Extra libraries and flags go to the targets: NAME, or NAME_prefixed and so on where they exist
# (the list of those is left in NAME_TARGETS).
find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(ASHLAR_TEST_TIMEOUT 300)

# The compiler may not reason about calls that are the subject of the test.
set(ASHLAR_TEST_FLAGS)
foreach(name IN ITEMS malloc calloc realloc reallocarray free aligned_alloc memalign posix_memalign
        valloc pvalloc)
    list(APPEND ASHLAR_TEST_FLAGS -fno-builtin-${name})
endforeach()
# cmocka keeps pointers to its own blocks where the leak checker does not look.
set(ASHLAR_TEST_ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0" "TSAN_OPTIONS=second_deadlock_stack=1")

function(ashlar_set_test_defaults NAME TIMEOUT)
    set_tests_properties(${NAME} PROPERTIES
        LABELS "${ARGN}"
        TIMEOUT ${TIMEOUT}
        SKIP_RETURN_CODE 77)
    if(ASHLAR_SANITIZE)
        set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "${ASHLAR_TEST_ENVIRONMENT}")
    elseif(CMAKE_CROSSCOMPILING_EMULATOR)
        list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
        set_tests_properties(${NAME} PROPERTIES ENVIRONMENT "ASHLAR_TEST_EMULATOR=${emulator}")
    endif()
endfunction()

# One test program and its registration.
function(ashlar_add_test_program TARGET)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;ARGS;LABELS;LIBRARIES")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT ${ASHLAR_TEST_TIMEOUT})
    endif()
    add_executable(${TARGET} ${arg_SOURCES})
    target_compile_options(${TARGET} PRIVATE ${ASHLAR_TEST_FLAGS})
    target_include_directories(${TARGET} PRIVATE
        "${PROJECT_SOURCE_DIR}/test" "${PROJECT_SOURCE_DIR}/include")
    target_link_libraries(${TARGET} PRIVATE ${arg_LIBRARIES})
    add_test(NAME ${TARGET} COMMAND ${TARGET} ${arg_ARGS})
    ashlar_set_test_defaults(${TARGET} ${arg_TIMEOUT} ${arg_LABELS})
endfunction()

function(ashlar_add_unit_test NAME)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "ARGS;LABELS")
    ashlar_add_test_program(${NAME}
        SOURCES ${arg_UNPARSED_ARGUMENTS} ARGS ${arg_ARGS} TIMEOUT ${arg_TIMEOUT}
        LABELS unit ${arg_LABELS}
        LIBRARIES ashlar_unit PkgConfig::CMOCKA)
endfunction()

function(ashlar_add_api_test NAME)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "ARGS;LABELS;FLAVOURS")
    if(NOT arg_FLAVOURS)
        set(arg_FLAVOURS prefixed shared static)
    endif()
    set(library_prefixed ashlar_unit)
    set(library_shared ashlar)
    set(library_static ashlar_static)
    set(targets)
    foreach(flavour IN LISTS arg_FLAVOURS)
        if(NOT TARGET ${library_${flavour}})
            continue()
        endif()
        set(target ${NAME}_${flavour})
        ashlar_add_test_program(${target}
            SOURCES ${arg_UNPARSED_ARGUMENTS} ARGS ${arg_ARGS} TIMEOUT ${arg_TIMEOUT}
            LABELS api ${arg_LABELS}
            LIBRARIES ${library_${flavour}} PkgConfig::CMOCKA Threads::Threads)
        if(flavour STREQUAL "prefixed")
            target_compile_definitions(${target} PRIVATE TEST_PREFIXED)
        endif()
        list(APPEND targets ${target})
    endforeach()
    set(${NAME}_TARGETS ${targets} PARENT_SCOPE)
endfunction()
