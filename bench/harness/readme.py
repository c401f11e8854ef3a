"""Writes results into bench/README.md, between two marks: means, and the rows in which another
allocator needs less time or memory, worst first.

Usage: write(result, chart, path): what bench/run keeps as JSON, the chart's path relative to the
README, and the README's path.
"""

BEGIN = "<!-- results: written by bench/run --readme -->\n"
END = "<!-- end of results -->\n"
WORST = 0.98  # others that need less than this part of the base's are listed
KEYS = {"time": "median", "memory (peak RSS)": "rss_kib"}


def means_table(summary, names):
    lines = ["| others / ashlar | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for group, means in summary["geometric_means"].items():
        for title, key in (("time", "median"), ("peak RSS", "rss")):
            cells = ["%.2f" % means[name][key] if name in means else "" for name in names]
            lines.append("| %s, %s | %s |" % (group, title, " | ".join(cells)))
    return lines


def worst_rows(summary, names, title):
    key = KEYS[title]
    found = []
    for row in summary["rows"]:
        results = row["allocators"]
        own = results[summary["base"]][key]
        ratios = {name: results[name][key] / own for name in names if results.get(name)}
        best = min(ratios, key=ratios.get, default=None)
        if best is not None and ratios[best] < WORST:
            found.append((ratios[best], best, row))
    lines = ["| row | best | of ashlar's | what it does |", "|---|---|---|---|"]
    for ratio, best, row in sorted(found, key=lambda item: item[0]):
        lines.append("| %s | %s | %.2f | %s |" % (row["name"], best, ratio, row["help"]))
    return lines


def write(result, chart, path):
    summary = result["summary"]
    names = [a["name"] for a in result["allocators"] if a["name"] != summary["base"]]
    machine = result["machine"]
    lines = ["%s, %s, %d processors, %d repeats%s. Above 1 ashlar is better." % (
        result["date"][:10], machine["processor"], machine["processors"], result["repeats"],
        ", short rows" if result["quick"] else ""), ""]
    lines += means_table(summary, names)
    for title in KEYS:
        lines += ["", "Rows in which another allocator needs less %s, the worst first:" % title, ""]
        lines += worst_rows(summary, names, title)
    lines += ["", "![time and peak RSS of all rows](%s)" % chart]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit("bench: %s has no marks for results" % path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n".join(lines) + "\n" + END + after)
