/*
 * override_cxx.c: catching a C++ exception in a library that has no C++ in it.
 *
 * A frame of ours announces a personality routine of its own (Itanium C++ ABI, level I, 1.5): asked in
 * the search phase whether it handles the exception, it says yes; in the second phase it sends the
 * unwinder to the landing pad, where the exception is ended as a catch (...) would. The runtime's
 * functions are weak references: where there is no C++ runtime, nothing throws.
 * Forced unwinding (thread cancellation) passes through.
 */
#include "api/override_cxx.h"

#include <stdint.h>
#include <unwind.h>

#include "base/compiler.h"

#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__ELF__)

void *__cxa_begin_catch(void *exception) WEAK;
void __cxa_end_catch(void) WEAK;
#pragma weak _Unwind_SetGR
#pragma weak _Unwind_SetIP

extern const char cxx_landing[] __attribute__((visibility("hidden")));

_Unwind_Reason_Code cxx_personality(int version, _Unwind_Action actions,
                                    _Unwind_Exception_Class class,
                                    struct _Unwind_Exception *exception,
                                    struct _Unwind_Context *context);
void cxx_caught(void *exception);

__attribute__((used)) _Unwind_Reason_Code cxx_personality(int version, _Unwind_Action actions,
                                                          _Unwind_Exception_Class class,
                                                          struct _Unwind_Exception *exception,
                                                          struct _Unwind_Context *context) {
    (void)class;
    if (version != 1 || (actions & _UA_FORCE_UNWIND) != 0) {
        return _URC_CONTINUE_UNWIND;
    }
    if ((actions & _UA_SEARCH_PHASE) != 0) {
        return _URC_HANDLER_FOUND;
    }
    if ((actions & _UA_HANDLER_FRAME) == 0) {
        return _URC_CONTINUE_UNWIND;
    }
    _Unwind_SetGR(context, __builtin_eh_return_data_regno(0), (uintptr_t)exception);
    _Unwind_SetIP(context, (uintptr_t)cxx_landing);
    return _URC_INSTALL_CONTEXT;
}

__attribute__((used)) void cxx_caught(void *exception) {
    __cxa_begin_catch(exception);
    __cxa_end_catch();
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl cxx_call_catching, cxx_landing\n"
        ".hidden cxx_call_catching, cxx_landing\n"
        ".type cxx_call_catching, @function\n"
        "cxx_call_catching:\n"
        "    .cfi_startproc\n"
        "    .cfi_personality 0x1b, cxx_personality\n" /* pc-relative, 4 bytes */
        "    push %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset %rbp, -16\n"
        "    mov %rsp, %rbp\n"
        "    .cfi_def_cfa_register %rbp\n"
        "    call *%rdi\n"
        "    mov $1, %eax\n"
        "    jmp 1f\n"
        "cxx_landing:\n"
        "    mov %rax, %rdi\n"
        "    call cxx_caught\n"
        "    xor %eax, %eax\n"
        "1:  pop %rbp\n"
        "    .cfi_def_cfa %rsp, 8\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size cxx_call_catching, . - cxx_call_catching\n");
#else
__asm__(".text\n"
        ".globl cxx_call_catching, cxx_landing\n"
        ".hidden cxx_call_catching, cxx_landing\n"
        ".type cxx_call_catching, %function\n"
        "cxx_call_catching:\n"
        "    .cfi_startproc\n"
        "    .cfi_personality 0x1b, cxx_personality\n"
        "    stp x29, x30, [sp, #-16]!\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset x29, -16\n"
        "    .cfi_offset x30, -8\n"
        "    mov x29, sp\n"
        "    blr x0\n"
        "    mov w0, #1\n"
        "    b 1f\n"
        "cxx_landing:\n"
        "    bl cxx_caught\n"
        "    mov w0, #0\n"
        "1:  ldp x29, x30, [sp], #16\n"
        "    .cfi_def_cfa_offset 0\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size cxx_call_catching, . - cxx_call_catching\n");
#endif

#else

/* Elsewhere an exception passes through: the nothrow operator's caller, being noexcept, terminates. */
bool cxx_call_catching(void (*function)(void)) {
    function();
    return true;
}

#endif
