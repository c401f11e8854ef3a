/*
 * os_internal.h: what os_posix.c takes from the file of one system.
 */
#ifndef ASHLAR_OS_OS_INTERNAL_H
#define ASHLAR_OS_OS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "os/os.h"

/* os_page_ops.move */
bool os_linux_move(void *from, void *to, size_t size);
/* os_page_ops.collapse */
enum os_collapse os_linux_collapse(void *address, size_t size);

#endif
