"""Draws a summary as an SVG bar chart: time on the left, peak RSS on the right, one bar per
allocator.

Usage: svg_text(summary, names, title) returns the file's text. All values are relative to the base
(1.00); shorter bars are better. Geometric means come first, then the rows by group in order of
name.
"""

import itertools
from xml.sax.saxutils import escape

COLOURS = {
    "ashlar": "#1f5fbf",
    "glibc": "#8a8f98",
    "jemalloc": "#d9772b",
    "mimalloc": "#3a9d5d",
    "tcmalloc": "#a14fb0",
}
OTHER_COLOURS = ["#b8a021", "#2aa5a5", "#c0392b", "#5b4636", "#e08fb0"]
GROUP_TITLES = {"micro": "Micro", "patterns": "Patterns", "programs": "Programs", "all": "All"}

LABEL_WIDTH = 150
PANEL_WIDTH = 300
PANEL_GAP = 70
LIMIT = 3.0
BAR = 9
ROW_GAP = 8
TOP = 92
FONT = 'font-family="system-ui, Helvetica, Arial, sans-serif"'


def text(x, y, content, size=12, anchor="start", colour="#1c1f24", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{escape(content)}</text>')


def panel_x(panel):
    return LABEL_WIDTH + 20 + panel * (PANEL_WIDTH + PANEL_GAP)


def bar(panel, y, value, colour):
    """One bar; a value past the limit is cut off there, and its number says how far it went."""
    x = panel_x(panel)
    width = min(value, LIMIT) / LIMIT * PANEL_WIDTH
    label = f"{value:.2f}" + (" »" if value > LIMIT else "")
    return (f'<rect x="{x}" y="{y:.1f}" width="{width:.1f}" height="{BAR - 1}" fill="{colour}"/>'
            + text(x + width + 4, y + BAR - 1.5, label, 8.5, colour="#454b55"))


def entries(summary, names):
    """(label, heading or not, {allocator: (time, rss)}) from top to bottom."""
    base = summary["base"]
    result = [("Geometric means", True, {})]
    for group, means in summary["geometric_means"].items():
        values = {base: (1.0, 1.0)}
        values.update({name: (means[name]["median"], means[name]["rss"])
                       for name in names if name in means})
        result.append((f"{GROUP_TITLES[group]} ({means['rows']} rows)", False, values))
    for group in ("micro", "patterns", "programs"):
        rows = sorted((row for row in summary["rows"] if row["group"] == group),
                      key=lambda row: row["name"])
        if rows:
            result.append((GROUP_TITLES[group], True, {}))
        for row in rows:
            values = {base: (1.0, 1.0)}
            values.update({name: (ratio["median"], ratio["rss"])
                           for name, ratio in row["ratios"].items()})
            result.append((row["name"], False, values))
    return result


def grid(bottom):
    lines = []
    for panel in (0, 1):
        for step in range(0, int(LIMIT) * 2 + 1):
            x = panel_x(panel) + step / 2 / LIMIT * PANEL_WIDTH
            colour = "#5a6270" if step == 2 else "#dfe3e8"
            lines.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" '
                         f'stroke="{colour}" stroke-width="1"/>')
            lines.append(text(x, TOP - 14, f"{step / 2:g}", 10, "middle", "#454b55"))
    return lines


def legend(names, colours):
    parts, x = [], LABEL_WIDTH + 20
    for name in names:
        parts.append(f'<rect x="{x}" y="38" width="12" height="12" fill="{colours[name]}"/>')
        parts.append(text(x + 17, 48, name, 12))
        x += 34 + 8 * len(name)
    return parts


def svg_text(summary, names, title):
    names = [summary["base"]] + [name for name in names if name != summary["base"]]
    spare = itertools.cycle(OTHER_COLOURS)
    colours = {name: COLOURS.get(name) or next(spare) for name in names}
    parts, y = [], TOP
    for label, heading, values in entries(summary, names):
        if heading:
            y += 10
            parts.append(text(8, y + 10, label, 14, weight="bold"))
            y += 20
            continue
        shown = [name for name in names if name in values]
        height = BAR * len(shown)
        parts.append(text(LABEL_WIDTH + 12, y + height / 2 + 4, label, 12, "end"))
        for i, name in enumerate(shown):
            for panel in (0, 1):
                parts.append(bar(panel, y + i * BAR, values[name][panel], colours[name]))
        y += height + ROW_GAP
    width = panel_x(1) + PANEL_WIDTH + 60
    head = [text(8, 24, title, 16, weight="bold"),
            text(panel_x(0), TOP - 28, f"Time, {summary['base']} = 1, shorter is better", 12),
            text(panel_x(1), TOP - 28, f"Peak RSS, {summary['base']} = 1, shorter is better", 12)]
    body = head + legend(names, colours) + grid(y) + parts
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 16}" '
            f'viewBox="0 0 {width} {y + 16}" {FONT}>\n'
            f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n")
