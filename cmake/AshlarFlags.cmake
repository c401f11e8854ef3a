# Compiler and linker flags.
#
# For the whole project: the language, warnings as errors, and the sanitizer of this build.
# For the library alone: ASHLAR_LIBRARY_FLAGS and ASHLAR_LIBRARY_WARNINGS, applied in AshlarLibrary.
include(CheckCCompilerFlag)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # GNU attributes, and the system's headers in full
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wundef -Wvla -Wformat=2 -Wno-format-nonliteral -Wpointer-arith -Wwrite-strings)
add_compile_options("$<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wold-style-definition>")
# clang leaves sized delete out unless told; gcc has it by default.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsized-deallocation>")
# Without full optimisation gcc does not see enough to tell, and gives false alarms.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-Wno-maybe-uninitialized)
endif()
if(ASHLAR_WERROR)
    add_compile_options(-Werror)
endif()

# Sanitizers. A report ends the test; there is nothing to learn from going on.
if(ASHLAR_SANITIZE)
    if(NOT ASHLAR_SANITIZE MATCHES "^(address|undefined|thread)$")
        message(FATAL_ERROR "ASHLAR_SANITIZE is '${ASHLAR_SANITIZE}', not address, undefined or thread")
    endif()
    set(ashlar_sanitize_flags -fsanitize=${ASHLAR_SANITIZE} -fno-sanitize-recover=all)
    add_compile_options(${ashlar_sanitize_flags})
    add_link_options(${ashlar_sanitize_flags})
endif()

# Warnings that tests and programs need not keep: every conversion explicit, every global declared.
set(ASHLAR_LIBRARY_WARNINGS
    -Wconversion -Wsign-conversion -Wmissing-prototypes
    -Wimplicit-fallthrough -Wdouble-promotion -Walloca)
foreach(flag IN ITEMS -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wthread-safety)
    string(MAKE_C_IDENTIFIER "ASHLAR_HAVE${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
        list(APPEND ASHLAR_LIBRARY_WARNINGS ${flag})
    endif()
endforeach()

set(ASHLAR_LIBRARY_FLAGS
    -fPIC
    # Only what is marked EXPORT is seen from outside.
    -fvisibility=hidden
    # One load finds the thread's data, and nothing is allocated for it.
    -ftls-model=initial-exec
    # The library is opened early and bound at once (-z now), so calls to libc need no stub.
    -fno-plt
    # What a build does not call, such as the walkers of debug builds, is left out by the linker.
    -ffunction-sections -fdata-sections
    # A new handler may throw through our frames.
    -fasynchronous-unwind-tables)

# Here malloc, calloc and the rest are functions like any other: the compiler must not turn malloc and
# memset into calloc (in calloc itself), nor take a store before free for a dead one. gcc still knows
# the operators' names only in C++, of which there is none.
foreach(name IN ITEMS malloc calloc realloc reallocarray free aligned_alloc memalign posix_memalign
        valloc pvalloc)
    list(APPEND ASHLAR_LIBRARY_FLAGS -fno-builtin-${name})
endforeach()

set(ASHLAR_LINK_FLAGS
    # One mapping for code and constants: fewer pages in memory for a small program.
    -Wl,--gc-sections -Wl,-z,noseparate-code "-Wl,-T,${PROJECT_SOURCE_DIR}/cmake/layout.ld"
    # Threads that end after dlclose still run our destructors: never unmap the code.
    -Wl,-z,nodelete
    # Binding lazily would run the dynamic linker, which allocates, in the middle of malloc.
    -Wl,-z,now -Wl,-z,relro
    -Wl,-z,defs -Wl,-z,noexecstack -Wl,-O1 -Wl,--as-needed)
