# The library's sources by layer, lowest first. A layer includes its own and earlier ones.
set(ASHLAR_SOURCES_BASE base/fmt.c)
set(ASHLAR_SOURCES_OS os/os_posix.c os/os_linux.c os/cgroup_linux.c os/thp_linux.c os/fatal.c)
set(ASHLAR_SOURCES_SYNC sync/lock.c sync/rank.c)
set(ASHLAR_SOURCES_OPT opt/opt_table.c opt/opt_parse.c opt/ranges.c)
set(ASHLAR_SOURCES_META meta/meta.c meta/pool.c)
set(ASHLAR_SOURCES_PAGES
    pages/map.c pages/chunk.c pages/hooks.c pages/hooked.c pages/region.c pages/fill.c pages/decay.c pages/pages.c pages/purge.c
    pages/collapse.c)
set(ASHLAR_SOURCES_HEAP
    heap/sizeclass.c heap/slab.c heap/bin.c heap/arena.c heap/scavenge.c heap/large.c heap/reset.c heap/utilization.c
    heap/arenas.c)
set(ASHLAR_SOURCES_CACHE
    cache/magazine.c cache/large_cache.c cache/depot.c cache/thread.c cache/background.c cache/event.c cache/exchange.c
    cache/thread_event.c cache/slots.c cache/thread_control.c cache/tcaches.c)
set(ASHLAR_SOURCES_ALLOC alloc/slow.c alloc/free.c alloc/foreign.c alloc/object.c alloc/extended.c)
set(ASHLAR_SOURCES_STATS stats/snapshot.c stats/detail.c)
set(ASHLAR_SOURCES_CTL ctl/ctl_table.c ctl/ctl.c ctl/ctl_option.c ctl/ctl_thread.c
    ctl/ctl_arenas.c ctl/ctl_stats.c ctl/ctl_background.c ctl/ctl_experimental.c)
set(ASHLAR_SOURCES_REPORT
    report/writer.c report/json.c report/text.c report/openmetrics.c report/report.c)
set(ASHLAR_SOURCES_API api/malloc.c api/mallocx.c api/mallctl.c api/override_cxx.c api/cxx.c api/init.c api/fork.c)
