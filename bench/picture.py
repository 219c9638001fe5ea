# SPDX-License-Identifier: GPL-2.0
"""
Small plots, side by side in one SVG picture.

Every bar has its name and its number beside it, so a plot needs no axis and no
legend.  Our results are blue and all others grey; lines also have different
marks.  A picture has its own background, light or dark as the reader's browser
asks for.
"""
import math
from dataclasses import dataclass, field
from html import escape

# Each colour on a light and on a dark background.  The hues are those of Okabe
# and Ito, which colour-blind people can tell apart.
COLOURS = {
    "paper": ("#ffffff", "#0d1117"),
    "ink": ("#1f2328", "#e6edf3"),
    "faint": ("#59636e", "#9ea7b1"),
    "rule": ("#d1d9e0", "#3d444d"),
    "own": ("#0072b2", "#56b4e9"),
    "other": ("#868e97", "#7a828c"),
    "line1": ("#d55e00", "#e69f00"),
    "line2": ("#008a63", "#2fbf94"),
    "line3": ("#b0578c", "#d98cb9"),
    "line4": ("#59636e", "#9ea7b1"),
}
MARKS = ("circle", "square", "triangle", "diamond", "cross")

ROW = 27            # from one bar to the next
THICK = 16          # thickness of a bar
FONT = 13
NOTE = 12           # the text below a title
GAP = 28            # between plots
MARGIN = 16
HEAD = 46           # title and note of a plot
LINES = 190         # height of a plot of lines


@dataclass
class Bar:
    """A name, a number as it is drawn and as it is written, and its range."""
    label: str
    value: float
    text: str
    low: float
    high: float
    own: bool = False


@dataclass
class Bars:
    title: str
    note: str
    bars: list = field(default_factory=list)


@dataclass
class Line:
    label: str
    points: list        # (x, y)
    own: bool = False


@dataclass
class Lines:
    title: str
    note: str
    across: str         # the meaning of x
    lines: list = field(default_factory=list)


def width_of(text, bold=False):
    """The width of a text in the widest font that a reader may have."""
    ems = sum(0.38 if c in " .,;:'ilIjtfr()|" else
              0.98 if c in "mwMW" else 0.64 for c in text)
    return ems * FONT * (1.1 if bold else 1)


def style():
    def rules(which):
        paint = {name: pair[which] for name, pair in COLOURS.items()}
        yield f".paper {{ fill: {paint['paper']}; stroke: {paint['rule']} }}"
        yield f"text {{ fill: {paint['ink']} }}"
        yield f".note {{ fill: {paint['faint']} }}"
        yield f".bar {{ fill: {paint['other']} }}"
        yield f".bar.own {{ fill: {paint['own']} }}"
        yield (f".range {{ stroke: {paint['ink']}; fill: none; "
               "stroke-width: 1.5 }")
        yield f".rule {{ stroke: {paint['rule']}; fill: none }}"
        for name in ("own", "line1", "line2", "line3", "line4"):
            yield (f".{name}.line {{ stroke: {paint[name]}; fill: none; "
                   f"stroke-width: {3.5 if name == 'own' else 2} }}")
            yield f".{name}.mark {{ fill: {paint[name]} }}"

    light, dark = ("\n".join(rules(which)) for which in (0, 1))
    return (f"<style>\ntext {{ font: {FONT}px system-ui, 'DejaVu Sans', "
            "Helvetica, Arial, sans-serif }\n"
            ".title { font-weight: 600; font-size: 15px }\n"
            ".head { font-weight: 600; font-size: 18px }\n"
            f".note {{ font-size: {NOTE}px }}\n"
            ".number { font-weight: 600 }\n"
            ".end { text-anchor: end } .middle { text-anchor: middle }\n"
            f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
            "</style>")


def text(x, y, words, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def wrapped(words, room):
    """A text, split into lines."""
    lines = [""]
    room *= FONT / NOTE
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def draw_bars(plot, x, y, room):
    label = max(width_of(bar.label, bar.own) for bar in plot.bars) + 8
    number = max(width_of(bar.text, True) for bar in plot.bars) + 7
    most = max(max(bar.value, bar.high) for bar in plot.bars)
    scale = (room - label - number) / most
    left = x + label
    for bar in plot.bars:
        own = " own" if bar.own else ""
        middle = y + THICK / 2
        yield text(left - 8, middle + 4.5, bar.label,
                   "end number" if bar.own else "end")
        yield (f'<rect class="bar{own}" x="{left:.1f}" y="{y:.1f}" '
               f'width="{max(bar.value * scale, 1):.2f}" height="{THICK}"/>')
        low, high = (left + end * scale for end in (bar.low, bar.high))
        end = left + bar.value * scale
        # A very small range would look like a blurred edge.
        if high - low > 3:
            yield (f'<path class="range" d="M{low:.1f} {middle:.1f}H{high:.1f}'
                   f'M{low:.1f} {middle - 4:.1f}v8M{high:.1f} {middle - 4:.1f}v8"/>')
            end = max(end, high)
        yield text(end + 7, middle + 4.5, bar.text, "number")
        y += ROW
    yield (f'<path class="rule" d="M{left:.1f} {y - ROW * len(plot.bars) - 4:.1f}'
           f'V{y - ROW + THICK + 4:.1f}"/>')


def mark(kind, x, y, colour):
    shape = {
        "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"',
        "square": f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"',
        "triangle": f'<path d="M{x:.1f} {y - 5.5:.1f}l5 9h-10z"',
        "diamond": f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"',
        "cross": f'<path d="M{x - 5:.1f} {y - 2:.1f}h3v-3h4v3h3v4h-3v3h-4v-3h-3z"',
    }[kind]
    return f'{shape} class="{colour} mark"/>'


def steps(most):
    """Round numbers from 0 to at least the given one, in at most five steps."""
    unit = 10 ** math.floor(math.log10(most / 5))
    size = next(unit * f for f in (1, 2, 5, 10) if unit * f * 5 >= most)
    return [size * i for i in range(math.ceil(most / size) + 1)]


def apart(places, distance, least, most):
    """Move labels apart, to at least the given distance."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    result = list(places)
    for one, next_one in zip(order, order[1:]):
        result[next_one] = max(result[next_one], result[one] + distance)
    over = result[order[-1]] - most
    if over > 0:
        result[order[-1]] -= over
        for one, before in zip(order[::-1], order[-2::-1]):
            result[before] = min(result[before], result[one] - distance)
    return [max(place, least) for place in result]


def draw_lines(plot, x, y, room):
    ticks = steps(max(p[1] for line in plot.lines for p in line.points))
    across = sorted({p[0] for line in plot.lines for p in line.points})
    bottom = y + LINES - 40
    left = x + max(width_of(f"{tick:g}") for tick in ticks) + 10
    right = x + room - max(width_of(line.label, line.own)
                            for line in plot.lines) - 20
    where_x = {a: left + 14 + i * (right - left - 14) / max(1, len(across) - 1)
               for i, a in enumerate(across)}

    def where_y(value):
        return bottom - value / ticks[-1] * (bottom - y)

    for tick in ticks:
        at = where_y(tick)
        yield f'<path class="rule" d="M{left:.1f} {at:.1f}H{right + 8:.1f}"/>'
        yield text(left - 8, at + 4.5, f"{tick:g}", "end note")
    for a in across:
        yield text(where_x[a], bottom + 18, f"{a:g}", "middle note")
    yield text((left + right) / 2, bottom + 35, plot.across, "middle note")

    ends = [where_y(line.points[-1][1]) for line in plot.lines]
    places = apart(ends, FONT + 3, y, bottom)
    colours = iter(("line1", "line2", "line3", "line4"))
    # Our line comes last, so that it is drawn over the others.
    for i, line in sorted(enumerate(plot.lines), key=lambda one: one[1].own):
        colour = "own" if line.own else next(colours)
        kind = MARKS[0 if line.own else int(colour[-1])]
        at = [(where_x[a], where_y(b)) for a, b in line.points]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in at)
        yield f'<path class="{colour} line" d="M{path}"/>'
        for a, b in at:
            yield mark(kind, a, b, colour)
        a, b = at[-1]
        if abs(places[i] - b) > 3:
            yield (f'<path class="rule" d="M{a + 7:.1f} {b:.1f}'
                   f'L{right + 18:.1f} {places[i]:.1f}"/>')
        yield text(right + 20, places[i] + 4.5, line.label,
                   "number" if line.own else "")


def height_of(plot, notes):
    body = LINES if isinstance(plot, Lines) else ROW * len(plot.bars)
    return HEAD + (notes - 1) * 16 + body


def picture(plots, title, width=800):
    """
    Plots side by side.

    plots: Bars and Lines, at most three
    title: the text that screen readers read out
    """
    room = (width - 2 * MARGIN - GAP * (len(plots) - 1)) / len(plots)
    notes = [wrapped(plot.note, room) for plot in plots]
    deepest = max(len(lines) for lines in notes)
    height = 2 * MARGIN + max(height_of(plot, deepest) for plot in plots)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
             f'height="{height}" viewBox="0 0 {width} {height}" role="img">',
             f"<title>{escape(title)}</title>", style(),
             f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" '
             f'height="{height - 1}" rx="6"/>']
    for i, plot in enumerate(plots):
        x = MARGIN + i * (room + GAP)
        y = MARGIN + 13
        lines += ['<g class="plot">', text(x, y, plot.title, "title")]
        lines += [text(x, y + 19 + 16 * j, words, "note")
                  for j, words in enumerate(notes[i])]
        draw = draw_lines if isinstance(plot, Lines) else draw_bars
        lines += draw(plot, x, MARGIN + HEAD + (deepest - 1) * 16, room)
        lines.append("</g>")
    return "\n".join(lines + ["</svg>", ""])
