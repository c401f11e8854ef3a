# Toolchain file: builds for 64-bit Arm with Debian's cross compiler, and runs what it built with qemu-user.
# CMOCKA_ROOT names a folder with cmocka for arm64 (tools/arm64-cmocka); only tests need it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
find_program(QEMU qemu-aarch64 REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR "${QEMU}" -L /usr/aarch64-linux-gnu)
if(DEFINED CMOCKA_ROOT)
    set(ENV{PKG_CONFIG_SYSROOT_DIR} "${CMOCKA_ROOT}")
    set(ENV{PKG_CONFIG_LIBDIR} "${CMOCKA_ROOT}/usr/lib/aarch64-linux-gnu/pkgconfig")
endif()
