"""From measured runs to figures: medians, spread, ratios, geometric means; and the printed table.

Usage: summarise(rows, runs, names, base) returns the summary that is printed, drawn and kept.
Ratios are other / base, so above 1 the base is faster or smaller. A ratio is `firm` when medians
and minima agree on who is ahead.
"""

import math
import statistics

GROUPS = ["micro", "patterns", "programs"]


def measure_of(run, metric):
    return run["user"] + run["sys"] if metric == "cpu" else run["wall"]


def column(runs, metric):
    """Figures of one row under one allocator."""
    times = [measure_of(run, metric) for run in runs]
    median = statistics.median(times)
    return {
        "median": median,
        "min": min(times),
        "max": max(times),
        "spread": (max(times) - min(times)) / median if median > 0 else 0.0,
        "wall": statistics.median(run["wall"] for run in runs),
        "user": statistics.median(run["user"] for run in runs),
        "sys": statistics.median(run["sys"] for run in runs),
        "rss_kib": statistics.median(run["rss_kib"] for run in runs),
        "figures": runs[-1].get("figures"),
        "runs": runs,
    }


def ratio(a, b):
    """a / b, with both kept above the clock's resolution."""
    return max(a, 1e-4) / max(b, 1e-4)


def compare(other, base):
    median, least = ratio(other["median"], base["median"]), ratio(other["min"], base["min"])
    return {
        "median": median,
        "min": least,
        "rss": ratio(other["rss_kib"], base["rss_kib"]),
        "firm": (median > 1) == (least > 1),
    }


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values)) if values else None


def summarise(rows, runs, names, base):
    """runs[row name][allocator name] is a list of runs; rows the base did not run are left out."""
    shown = []
    for row in rows:
        measured = {name: column(runs[row.name][name], row.metric)
                    for name in names if runs.get(row.name, {}).get(name)}
        if base not in measured:
            continue
        ratios = {name: compare(measured[name], measured[base])
                  for name in measured if name != base}
        shown.append({"name": row.name, "group": row.group, "metric": row.metric, "help": row.help,
                      "allocators": measured, "ratios": ratios})
    shown.sort(key=worst_ratio)
    return {"base": base, "rows": shown, "geometric_means": group_means(shown, names, base)}


def worst_ratio(row):
    return min([value["median"] for value in row["ratios"].values()] or [1.0])


def group_means(rows, names, base):
    means = {}
    for group in GROUPS + ["all"]:
        chosen = [row for row in rows if group in ("all", row["group"])]
        if not chosen:
            continue
        means[group] = {"rows": len(chosen)}
        for name in names:
            ratios = [row["ratios"][name] for row in chosen if name in row["ratios"]]
            if name != base and ratios:
                means[group][name] = {key: geometric_mean([value[key] for value in ratios])
                                      for key in ("median", "min", "rss")}
    return means


def cell(value):
    mark = " " if value["firm"] else "~"
    return f"{value['median']:5.2f}{mark}{value['min']:5.2f} {value['rss']:5.2f}"


def table_text(summary, names):
    base = summary["base"]
    others = [name for name in names if name != base]
    lines = [f"{'':18} {base:>22} " + " ".join(f"{name:>17}" for name in others),
             f"{'row, worst first':18} {'s':>8} {'spread':>6} {'MiB':>6} "
             + " ".join("  time   min   rss" for _ in others)]
    for row in summary["rows"]:
        own = row["allocators"][base]
        mark = "*" if row["metric"] == "cpu" else " "
        cells = [cell(row["ratios"][name]) if name in row["ratios"] else f"{'-':>17}"
                 for name in others]
        lines.append(f"{row['name'] + mark:18} {own['median']:8.3f} {own['spread'] * 100:5.0f}% "
                     f"{own['rss_kib'] / 1024:6.1f} " + " ".join(cells))
    lines.append("")
    for group, means in summary["geometric_means"].items():
        cells = [f"{means[name]['median']:5.2f} {means[name]['min']:5.2f} {means[name]['rss']:5.2f}"
                 if name in means else f"{'-':>17}" for name in others]
        title = f"mean of {group} ({means['rows']})"
        lines.append(f"{title:41} " + " ".join(cells))
    lines += ["", "time, min, rss: medians of time, minima of time, medians of peak RSS, divided "
              f"by {base}'s; above 1 {base} is better.",
              "~ medians and minima disagree on who is faster; * CPU time instead of wall time."]
    return "\n".join(lines)


def slower_than(summary, name, margin):
    """Rows of micro and patterns in which `name` is faster, by medians and by minima."""
    return [row["name"] for row in summary["rows"]
            if row["group"] != "programs" and name in row["ratios"]
            and max(row["ratios"][name]["median"], row["ratios"][name]["min"]) < 1 - margin]


def failures(summary, margin=0.03):
    """What speaks against the base: slower than glibc in a row, or behind jemalloc in the means."""
    found = [f"{row}: slower than glibc" for row in slower_than(summary, "glibc", margin)]
    own = [row for row in summary["rows"] if row["group"] != "programs"]
    ratios = [row["ratios"]["jemalloc"] for row in own if "jemalloc" in row["ratios"]]
    if ratios:
        time = geometric_mean([value["median"] for value in ratios])
        rss = geometric_mean([value["rss"] for value in ratios])
        if time < 1:
            found.append(f"mean of time: jemalloc's is {time:.3f} of {summary['base']}'s")
        if rss < 1:
            found.append(f"mean of peak RSS: jemalloc's is {rss:.3f} of {summary['base']}'s")
    return found
