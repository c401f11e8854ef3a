#!/usr/bin/env python3
"""report_test: what malloc_stats_print writes, in its three forms and with all letters.

Usage: report_test.py PROGRAM    (the built print.c)

JSON must be valid, with the keys that jemalloc documents and programs read; the text must have the
sections that readers of jemalloc's report look for; OpenMetrics text must pass the Prometheus client's
parser. Sums are checked where several places say the same.
"""
import json
import os
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)

MUTEX = "num_ops num_wait num_spin_acq num_owner_switch total_wait_time max_wait_time max_num_thds"
MUTEXES = """background_thread max_per_bg_thd ctl prof prof_thds_data prof_dump prof_recent_alloc
prof_recent_dump prof_stats"""
OBJECTS = "allocated nmalloc ndalloc nrequests nfills nflushes"
ARENA = """nthreads uptime_ns dss dirty_decay_ms muzzy_decay_ms pactive pdirty pmuzzy dirty_npurge
dirty_nmadvise dirty_purged muzzy_npurge muzzy_nmadvise muzzy_purged small large mapped retained pinned
base internal metadata_edata metadata_rtree metadata_thp tcache_bytes tcache_stashed_bytes resident
abandoned_vm extent_avail mutexes bins lextents extents hpa_shard"""
ARENA_MUTEXES = """large extent_avail extents_dirty extents_muzzy extents_retained extents_pinned
decay_dirty decay_muzzy base tcache_list hpa_shard hpa_shard_grow hpa_sec"""
BIN = "nmalloc ndalloc curregs nrequests nfills nflushes nreslabs curslabs nonfull_slabs mutex"
EXTENT = "ndirty nmuzzy nretained npinned dirty_bytes muzzy_bytes retained_bytes pinned_bytes"
STATS = """allocated active metadata metadata_edata metadata_rtree metadata_thp resident mapped retained
pinned zero_reallocs background_thread mutexes"""
CONFIG = """cache_oblivious debug fill lazy_lock malloc_conf opt_safety_checks prof prof_libgcc
prof_libunwind prof_frameptr stats utrace xmalloc"""
# Sources are left out when the control is; the profiler's options, as long as it is not built.
OPT = """global_var symlink env_var global_var_2_conf_harder abort abort_conf cache_oblivious confirm_conf
experimental_hpa_start_huge_if_thp_always experimental_hpa_enforce_hugify retain dss narenas percpu_arena
oversize_threshold hpa hpa_slab_max_alloc hpa_hugification_threshold hpa_hugify_delay_ms hpa_hugify_sync
hpa_min_purge_interval_ms experimental_hpa_max_purge_nhp hpa_dirty_mult hpa_purge_threshold
hpa_min_purge_delay_ms hpa_hugify_style hpa_sec_nshards hpa_sec_max_alloc hpa_sec_max_bytes
huge_arena_pac_thp metadata_thp mutex_max_spin background_thread dirty_decay_ms muzzy_decay_ms
lg_extent_max_active_fit junk zero utrace xmalloc experimental_infallible_new experimental_tcache_gc tcache
tcache_max tcache_nslots_small_min tcache_nslots_small_max tcache_nslots_large lg_tcache_nslots_mul
tcache_gc_incr_bytes tcache_gc_delay_bytes lg_tcache_flush_small_div lg_tcache_flush_large_div
debug_double_free_max_scan thp prof prof_bt_max prof_prefix prof_active prof_thread_active_init
lg_prof_sample prof_accum lg_prof_interval prof_gdump prof_final prof_leak prof_leak_error stats_print
stats_print_opts stats_interval stats_interval_opts zero_realloc process_madvise_max_batch
disable_large_size_classes"""
ARENAS = """narenas dirty_decay_ms muzzy_decay_ms quantum page hugepage tcache_max nbins nhbins bin
nlextents lextent"""
SLABS = """npageslabs_nonhuge nactive_nonhuge ndirty_nonhuge nretained_nonhuge npageslabs_huge
nactive_huge ndirty_huge"""
SOME_SLABS = """npageslabs_huge nactive_huge ndirty_huge npageslabs_nonhuge nactive_nonhuge ndirty_nonhuge
nretained_nonhuge"""
RUNS = "min_extents max_extents extents ps pages_per_ps extents_per_ps total_elapsed_ns_per_ps"
HPA = """sec_bytes sec_hits sec_misses sec_dalloc_noflush sec_dalloc_flush sec_overfills npageslabs
nactive ndirty npurge_passes npurges nhugifies nhugify_failures ndehugifies slabs
extent_allocation_distribution full_slabs empty_slabs nonfull_slabs"""


def run(letters="", *more, **environment):
    env = dict(os.environ, **environment)
    done = subprocess.run([PROGRAM, letters, *more], capture_output=True, text=True, env=env,
                          timeout=60, check=False)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"status {done.returncode}: {done.stderr}")
    return done.stdout


def read(letters="J", *more):
    return json.loads(run(letters, *more))["jemalloc"]


class Json(unittest.TestCase):
    def keys(self, found, expected):
        self.assertEqual(list(found), expected.split())

    def test_general_keys(self):
        top = read("J", "manual")
        self.keys(top, "version config system opt arenas stats stats.arenas")
        self.keys(top["config"], CONFIG)
        self.keys(top["system"], "thp_mode")
        sources = "global_var symlink env_var global_var_2_conf_harder".split()
        self.keys(top["opt"], " ".join(key for key in OPT.split() if key in top["opt"] or
                                       "prof" not in key and key not in sources))
        self.assertIn(top["opt"]["junk"], ("false", "true"))
        self.assertIs(top["opt"]["zero"], False)
        self.keys(top["arenas"], ARENAS)
        self.assertEqual(len(top["arenas"]["bin"]), top["arenas"]["nbins"])
        self.assertEqual(len(top["arenas"]["lextent"]), top["arenas"]["nlextents"])
        self.keys(top["arenas"]["bin"][0], "size nregs slab_size nshards")
        self.keys(top["arenas"]["lextent"][0], "size")
        self.keys(top["stats"], STATS)
        self.keys(top["stats"]["background_thread"], "num_threads num_runs run_interval")
        self.keys(top["stats"]["mutexes"], MUTEXES)
        for mutex in top["stats"]["mutexes"].values():
            self.keys(mutex, MUTEX)

    def test_arena_keys(self):
        top = read("J", "manual")
        arenas = top["stats.arenas"]
        self.assertEqual(list(arenas)[:3], ["merged", "destroyed", "0"])
        self.assertEqual(arenas["0"]["name"], "auto_0")
        for name, arena in arenas.items():
            self.keys(arena, ("name " if name.isdigit() else "") + ARENA)
            self.keys(arena["small"], OBJECTS)
            self.keys(arena["large"], OBJECTS)
            self.keys(arena["mutexes"], ARENA_MUTEXES)
            self.assertEqual(len(arena["bins"]), top["arenas"]["nbins"])
            self.assertEqual(len(arena["lextents"]), top["arenas"]["nlextents"])
            self.assertEqual(len(arena["extents"]), 199)
            for row in arena["bins"]:
                self.keys(row, BIN)
                self.keys(row["mutex"], MUTEX)
            self.keys(arena["lextents"][0], "curlextents")
            self.keys(arena["extents"][0], EXTENT)
            self.keys(arena["hpa_shard"], HPA)
            self.keys(arena["hpa_shard"]["slabs"], SLABS)
            self.keys(arena["hpa_shard"]["full_slabs"], SOME_SLABS)
            self.keys(arena["hpa_shard"]["empty_slabs"], SOME_SLABS)
            self.assertEqual(len(arena["hpa_shard"]["nonfull_slabs"]), 64)
            self.keys(arena["hpa_shard"]["nonfull_slabs"][0], SOME_SLABS)
            self.assertEqual(len(arena["hpa_shard"]["extent_allocation_distribution"]), 9)
            self.keys(arena["hpa_shard"]["extent_allocation_distribution"][0], RUNS)

    def test_sums(self):
        top = read()
        arenas = dict(top["stats.arenas"])
        merged = arenas.pop("merged")
        page = top["arenas"]["page"]
        for key in ("mapped", "resident", "tcache_bytes", "base"):
            self.assertEqual(merged[key], sum(arena[key] for arena in arenas.values()), key)
        for lock in ARENA_MUTEXES.split():
            self.assertEqual(merged["mutexes"][lock]["num_ops"],
                             sum(arena["mutexes"][lock]["num_ops"] for arena in arenas.values()))
        # The lock of metadata is everybody's, so it counts once.
        self.assertEqual(sum(arena["mutexes"]["base"]["num_ops"] != 0 for arena in arenas.values()), 1)
        stats = top["stats"]
        # Pages may be larger than what is counted.
        self.assertEqual(stats["active"] // page, merged["pactive"])
        self.assertEqual(stats["resident"], merged["resident"])
        dirty = sum(row["dirty_bytes"] for row in merged["extents"])
        self.assertEqual(stats["active"] + dirty + stats["metadata"] + stats["pinned"],
                         stats["resident"])
        self.assertEqual(stats["allocated"], merged["small"]["allocated"] - merged["tcache_bytes"] +
                         merged["large"]["allocated"])
        live = sum(1 + i * 37 for i in range(2000) if i % 3 != 0) * 3
        self.assertGreater(stats["allocated"], live)
        self.assertLess(stats["allocated"], live * (1.25 if page <= 4096 else 2))
        sizes = [row["size"] for row in top["arenas"]["bin"]]
        for arena in arenas.values():
            self.assertEqual(arena["small"]["allocated"],
                             sum(row["curregs"] * size for row, size in zip(arena["bins"], sizes)))
            self.assertEqual(sum(row["dirty_bytes"] for row in arena["extents"]) // page,
                             arena["pdirty"])
            self.assertEqual(sum(row["curlextents"] for row in arena["lextents"]),
                             arena["large"]["nmalloc"] - arena["large"]["ndalloc"])

    def test_huge_pages(self):
        for conf in ("", "thp:always,metadata_thp:always"):
            top = json.loads(run("J", MALLOC_CONF=conf))["jemalloc"]
            if top["system"]["thp_mode"] not in ("madvise", "always"):
                self.skipTest("no huge pages here")
            merged = top["stats.arenas"]["merged"]["hpa_shard"]
            asked, not_asked = ("huge", "nonhuge") if conf else ("nonhuge", "huge")
            self.assertEqual(merged["nhugifies"] > 0, conf != "")
            self.assertEqual(top["stats"]["metadata_thp"] > 0, conf != "")
            self.assertEqual(merged["slabs"]["npageslabs_" + asked], merged["npageslabs"])
            self.assertEqual(merged["slabs"]["npageslabs_" + not_asked], 0)

    def test_letters(self):
        self.assertNotIn("version", read("Jg"))
        self.assertNotIn("merged", read("Jm")["stats.arenas"])
        self.assertNotIn("destroyed", read("Jd", "manual")["stats.arenas"])
        self.assertEqual(list(read("Ja")["stats.arenas"]), ["merged"])
        self.assertNotIn("stats.arenas", read("Jmda"))
        arena = read("Jblxeh")["stats.arenas"]["merged"]
        for part in ("bins", "lextents", "mutexes", "extents", "hpa_shard"):
            self.assertNotIn(part, arena)
        self.assertNotIn("mutexes", read("Jx")["stats"])
        self.assertNotIn("mutex", read("Jx")["stats.arenas"]["merged"]["bins"][0])
        read("J?zQ")  # unknown ones have no meaning


class Text(unittest.TestCase):
    def test_sections(self):
        text = run()
        self.assertTrue(text.startswith("___ Begin jemalloc statistics ___\nVersion: \"5.3"))
        self.assertTrue(text.endswith("\n--- End jemalloc statistics ---\n"))
        position = 0
        for part in ("Build-time option settings\n", "  config.debug: ",
                     "Run-time option settings\n", "  opt.dirty_decay_ms: 10000 (arenas.dirty_decay_ms: ",
                     "Arenas: ", "Quantum size: 16\n", "Page size: ",
                     "Maximum thread-cached size class: 32768\n", "Allocated: ", ", resident: ",
                     "Background threads: ", "Merged arenas stats:\n", "assigned threads: ",
                     "uptime: ", "dss allocation precedence: \"", "decaying: ", "   dirty: ",
                     "   muzzy: ", "small: ", "large: ", "total: ", "active: ", "mapped: ",
                     "tcache_bytes: ", "bins: ", "---\n", "large: ", "extents: ",
                     "Bytes in small extent cache: ", "HPA shard stats:\n", "arenas[0]:\n",
                     "name: \"auto_0\"\n"):
            found = text.find(part, position)
            self.assertGreaterEqual(found, 0, part)
            position = found

    def test_huge_pages(self):
        with open("/proc/self/smaps", encoding="utf-8") as maps:
            known = "AnonHugePages:" in maps.read()
        self.assertEqual(known, "\nBacked by huge pages: " in run())
        self.assertEqual(known, "\nashlar_huge_bytes " in run("o"))
        for letters in ("h", "oh"):
            self.assertNotIn("huge pages: ", run(letters))
            self.assertNotIn("ashlar_huge_bytes", run(letters))

    def tables(self, letters):
        """Tables by their first word: rows as dictionaries."""
        found = {}
        names = None
        for line in run(letters).splitlines():
            words = line.split()
            if words[:3] in (["bins:", "size", "ind"], ["large:", "size", "ind"],
                             ["extents:", "size", "ind"]):
                names = words[1:]
                found[words[0]] = []
                table = found[words[0]]
            elif names is not None and words != ["---"]:
                if len(words) != len(names) or not words[0].isdigit():
                    names = None
                    continue
                ends = [(name, value) for name, value in zip(names, words) if name != "(#/sec)"]
                table.append(dict(ends))
        return found

    def test_tables(self):
        tables = self.tables("ga")
        bins = {int(row["size"]): row for row in tables["bins:"]}
        self.assertGreater(len(bins), 20)
        requested = [0] * 33000
        for i in range(2000):
            size = next((size for size in sorted(bins) if size >= 1 + i * 37), None)
            if size is not None:
                requested[size] += 3
        for size, row in bins.items():
            self.assertEqual(int(row["allocated"]), size * int(row["curregs"]))
            self.assertEqual(int(row["curregs"]), int(row["nmalloc"]) - int(row["ndalloc"]))
            self.assertTrue(0 <= float(row["util"]) <= 1)
            # The C library and the main thread allocate a little, too.
            self.assertTrue(requested[size] <= int(row["nrequests"]) <= requested[size] + 20, row)
        for row in tables["large:"]:
            self.assertEqual(int(row["allocated"]), int(row["size"]) * int(row["curlextents"]))
        for row in tables["extents:"]:
            counts = [int(row[name]) for name in ("ndirty", "nmuzzy", "nretained", "npinned")]
            self.assertEqual(sum(counts), int(row["ntotal"]))
            self.assertLessEqual(int(row["total"]), int(row["size"]) * sum(counts))

    def test_columns(self):
        """Numbers stand where jemalloc's do."""
        lines = run("gablehd").splitlines()
        row = next(line for line in lines if line.startswith("small: "))
        self.assertRegex(row, r"^small: {9,}\d+( +\d+ +\d+){5}$")
        header = lines[lines.index(row) - 1]
        for title in ("allocated", "nmalloc", "ndalloc", "nrequests", "nfill", "nflush"):
            end = header.index(title) + len(title)
            self.assertTrue(row[end - 1].isdigit() and row[end:end + 1] in ("", " "), title)
        self.assertEqual(header.index("allocated") + len("allocated"), 37)
        active = next(line for line in lines if line.startswith("active:"))
        self.assertEqual(len(active), 37)

    def at_exit(self, conf):
        return subprocess.run([PROGRAM, "Jmda"], capture_output=True, text=True, timeout=60, check=True,
                              env=dict(os.environ, MALLOC_CONF=conf)).stderr

    def test_at_exit(self):
        text = self.at_exit("stats_print:true")
        self.assertIn("___ Begin jemalloc statistics ___", text)
        self.assertEqual(text.count("--- End jemalloc statistics ---"), 1)

    def test_letters_at_exit(self):
        top = json.loads(self.at_exit("stats_print:true,stats_print_opts:Jgmda"))
        self.assertEqual(list(top["jemalloc"]), ["stats"])
        self.assertEqual(self.at_exit("stats_print_opts:Jgmda"), "")


class OpenMetrics(unittest.TestCase):
    def test_parser(self):
        text = run("o")
        script = ("import sys\n"
                  "from prometheus_client.openmetrics import parser\n"
                  "for family in parser.text_string_to_metric_families(sys.stdin.read()):\n"
                  "    print(family.name, family.type, len(family.samples))\n")
        done = subprocess.run(["/usr/bin/python3", "-c", script], input=text, capture_output=True,
                              text=True, timeout=60, check=False)
        if "ModuleNotFoundError" in done.stderr and os.environ.get("CI") != "true":
            self.skipTest("python3-prometheus-client is not installed")
        self.assertEqual(done.returncode, 0, done.stderr)
        families = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
        self.assertEqual(families["ashlar_allocated_bytes"], ["gauge", "1"])
        self.assertEqual(families["ashlar_class_requests"][0], "counter")
        self.assertGreater(int(families["ashlar_class_requests"][1]), 20)
        self.assertGreaterEqual(int(families["ashlar_arena_small_requests"][1]), 2)
        self.assertEqual(families["ashlar_lock_wait_seconds"], ["counter", "9"])

    def test_letters(self):
        text = run("oablx")
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertIn("\nashlar_allocated_bytes ", text)
        for part in ("ashlar_arena_", "ashlar_class_", "ashlar_large_", "ashlar_lock_"):
            self.assertNotIn(part, text)


if __name__ == "__main__":
    unittest.main()
