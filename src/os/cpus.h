/*
 * cpus.h: how many CPUs this process may really use.
 *
 * Usage:  os_cpu_count() decides how many arenas are worth having. It costs some ten
 *         system calls, so ask once; a process that has only one thread need not ask at all.
 * Locks:  none. Nothing here allocates, uses stdio or changes errno.
 */
#ifndef ASHLAR_OS_CPUS_H
#define ASHLAR_OS_CPUS_H

/* The CPUs the scheduler may put us on, or fewer when a control group limits our share of time: a
 * share of 2.5 CPUs counts as 3. At least 1. */
unsigned os_cpu_count(void);

/* The share of CPU time that control groups leave us, in CPUs, rounded up; 0 when they set no limit
 * or cannot be read. All files are looked up below `root`: "" is the machine, anything else serves
 * tests. */
unsigned cgroup_cpu_limit(const char *root);

#endif
