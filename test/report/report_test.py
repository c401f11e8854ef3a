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
OBJECTS = "allocated nmalloc ndalloc nrequests nfills nflushes"
ARENA = """nthreads uptime_ns dss dirty_decay_ms muzzy_decay_ms pactive pdirty pmuzzy dirty_npurge
dirty_nmadvise dirty_purged muzzy_npurge muzzy_nmadvise muzzy_purged small large mapped retained pinned
base internal metadata_edata metadata_rtree metadata_thp tcache_bytes tcache_stashed_bytes resident
abandoned_vm extent_avail mutexes bins lextents extents hpa_shard"""
ARENA_MUTEXES = """large extent_avail extents_dirty extents_muzzy extents_retained extents_pinned
decay_dirty decay_muzzy base tcache_list hpa_shard hpa_shard_grow hpa_sec"""
STATS = """allocated active metadata metadata_edata metadata_rtree metadata_thp resident mapped retained
pinned background_thread mutexes"""
CONFIG = """cache_oblivious debug fill lazy_lock malloc_conf opt_safety_checks prof prof_libgcc
prof_libunwind prof_frameptr stats utrace xmalloc"""
ARENAS = """narenas dirty_decay_ms muzzy_decay_ms quantum page hugepage tcache_max nbins nhbins bin
nlextents lextent"""
SLABS = """npageslabs_nonhuge nactive_nonhuge ndirty_nonhuge nretained_nonhuge npageslabs_huge
nactive_huge ndirty_huge"""
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
        self.assertEqual(set(expected.split()) - set(found), set())

    def test_keys(self):
        top = read("J", "manual")
        self.assertEqual(list(top)[:3], ["version", "config", "system"])
        self.keys(top["config"], CONFIG)
        self.keys(top["opt"], "narenas dirty_decay_ms tcache tcache_max stats_print retain junk zero")
        self.assertIn(top["opt"]["junk"], ("false", "true"))
        self.assertIs(top["opt"]["zero"], False)
        self.keys(top["arenas"], ARENAS)
        self.assertEqual(len(top["arenas"]["bin"]), top["arenas"]["nbins"])
        self.keys(top["arenas"]["bin"][0], "size nregs slab_size nshards")
        self.keys(top["stats"], STATS)
        self.keys(top["stats"]["background_thread"], "num_threads num_runs run_interval")
        self.keys(top["stats"]["mutexes"]["ctl"], MUTEX)
        arenas = top["stats.arenas"]
        self.keys(arenas, "merged destroyed 0")
        self.assertNotIn("name", arenas["merged"])
        self.assertEqual(arenas["0"]["name"], "auto_0")
        for arena in arenas.values():
            self.keys(arena, ARENA)
            self.keys(arena["small"], OBJECTS)
            self.keys(arena["large"], OBJECTS)
            self.keys(arena["mutexes"], ARENA_MUTEXES)
            self.assertEqual(len(arena["bins"]), top["arenas"]["nbins"])
            self.keys(arena["bins"][3], "nmalloc ndalloc curregs nrequests nfills nflushes nreslabs "
                                        "curslabs nonfull_slabs mutex")
            self.keys(arena["bins"][3]["mutex"], MUTEX)
            self.assertEqual(len(arena["lextents"]), top["arenas"]["nlextents"])
            self.assertEqual(len(arena["extents"]), 199)
            self.keys(arena["extents"][0], "ndirty nmuzzy nretained npinned dirty_bytes muzzy_bytes "
                                           "retained_bytes pinned_bytes")
            self.keys(arena["hpa_shard"], HPA)
            self.keys(arena["hpa_shard"]["slabs"], SLABS)
            self.assertEqual(len(arena["hpa_shard"]["nonfull_slabs"]), 64)

    def test_sums(self):
        top = read()
        arenas = dict(top["stats.arenas"])
        merged = arenas.pop("merged")
        page = top["arenas"]["page"]
        for key in ("pactive", "pdirty", "mapped", "resident", "tcache_bytes", "base"):
            self.assertEqual(merged[key], sum(arena[key] for arena in arenas.values()), key)
        stats = top["stats"]
        self.assertEqual(stats["active"], merged["pactive"] * page)
        self.assertEqual(stats["resident"], merged["resident"])
        self.assertEqual(stats["allocated"], merged["small"]["allocated"] - merged["tcache_bytes"] +
                         merged["large"]["allocated"])
        live = sum(1 + i * 37 for i in range(2000) if i % 3 != 0) * 3
        self.assertGreater(stats["allocated"], live)
        self.assertLess(stats["allocated"], live * 1.25)
        sizes = [row["size"] for row in top["arenas"]["bin"]]
        for arena in arenas.values():
            self.assertEqual(arena["small"]["allocated"],
                             sum(row["curregs"] * size for row, size in zip(arena["bins"], sizes)))
            self.assertEqual(sum(row["dirty_bytes"] for row in arena["extents"]),
                             arena["pdirty"] * page)
            self.assertEqual(sum(row["curlextents"] for row in arena["lextents"]),
                             arena["large"]["nmalloc"] - arena["large"]["ndalloc"])

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

    def test_columns(self):
        lines = run("gaxleh").splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("bins:"))
        names = lines[begin].split()[1:]
        rows = 0
        for line in lines[begin + 1:]:
            values = line.split()
            if values == ["---"]:
                continue
            if len(values) != len(names):
                break
            row = dict(zip(names, values))
            self.assertEqual(int(row["allocated"]), int(row["size"]) * int(row["curregs"]))
            self.assertTrue(0 <= float(row["util"]) <= 1)
            rows += 1
        self.assertGreater(rows, 20)

    def test_at_exit(self):
        done = subprocess.run([PROGRAM, "Jmda"], capture_output=True, text=True, timeout=60, check=True,
                              env=dict(os.environ, MALLOC_CONF="stats_print:true"))
        self.assertIn("___ Begin jemalloc statistics ___", done.stderr)
        self.assertEqual(done.stderr.count("--- End jemalloc statistics ---"), 1)


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
        self.assertEqual(families["ashlar_class_requests"], ["counter", "41"])
        self.assertGreaterEqual(int(families["ashlar_arena_small_requests"][1]), 2)


if __name__ == "__main__":
    unittest.main()
