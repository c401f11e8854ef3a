"""What the figures were measured on: kernel, processor, memory, huge-page mode, load.

Usage: describe() for the record, load_warning() before measuring.
"""

import os
import platform

BUSY = 0.25  # runnable processes per processor from which figures are doubtful


def read_line(path, default="unknown"):
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return default


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("model name", "Model", "uarch")):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def huge_pages():
    modes = read_line("/sys/kernel/mm/transparent_hugepage/enabled")
    return modes[modes.find("[") + 1:modes.find("]")] if "[" in modes else modes


def describe():
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_mib": pages >> 20,
        "thp": huge_pages(),
        "governor": read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none"),
        "libc": " ".join(platform.libc_ver()),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def load_warning():
    """A sentence when the machine is too busy to measure on, or None."""
    load = os.getloadavg()[0]
    processors = len(os.sched_getaffinity(0))
    if load > BUSY * processors:
        return (f"load is {load:.2f} on {processors} processors before the first run: "
                "times will be noisy; trust minima and CPU time")
    return None
