#!/usr/bin/env python3
"""Draws the table of budgets in RESULTS.md: python3 benches/plot.py benches/RESULTS.md >benches/results.svg

One bar a row, the share of the budget that was used: the table's last column, where 1 is all of it.
"""

import html
import sys

LABELS, SCALE, STEP, TOP = 430, 380, 22, 40
LONGEST = 1.25


def rows(path):
    for line in open(path, encoding="utf-8"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        try:
            yield cells[0].replace("`", ""), float(cells[-1])
        except ValueError:
            continue


def text(x, y, words, anchor="start", fill="#333"):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}">{html.escape(words)}</text>'


def draw(table):
    height = TOP + STEP * len(table) + 10
    limit = LABELS + SCALE
    figures = LABELS + SCALE * LONGEST + 40
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{figures + 12:.0f}" height="{height}"'
        ' font-family="sans-serif" font-size="13">'
    )
    yield '<rect width="100%" height="100%" fill="white"/>'
    yield text(LABELS, 20, "share of the budget used; less is better")
    for number, (name, share) in enumerate(table):
        y = TOP + STEP * number
        colour = "#4477aa" if share <= 1 else "#cc6633"
        yield text(LABELS - 8, y + 13, name, "end")
        width = round(SCALE * min(share, LONGEST), 1)
        yield f'<rect x="{LABELS}" y="{y + 2}" width="{width}" height="{STEP - 7}" fill="{colour}"/>'
        yield text(figures, y + 13, f"{share:.2f}", "end")
    yield f'<line x1="{limit}" x2="{limit}" y1="{TOP - 8}" y2="{height - 8}" stroke="#333" stroke-dasharray="4 3"/>'
    yield text(limit, TOP - 12, "the budget", "middle")
    yield "</svg>"


print("\n".join(draw(list(rows(sys.argv[1])))))
