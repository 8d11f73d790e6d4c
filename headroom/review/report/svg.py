"""Figures of Matplotlib as SVG that stands in a page: text as text, colours as the page's, the same bytes every time."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

INK, MUTED, GRID, LOAD, SAFE, BAND, WARN = (f"#0{place}0{place}0{place}" for place in range(1, 8))
"""Stand-ins that no drawing needs otherwise: each becomes a colour of the page's style, light or dark."""
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", LOAD: "load", SAFE: "safe", BAND: "band", WARN: "warn"}
_WIDTH = 4.7
"""Inches of 72 points: as wide as a phone's page, so that letters keep their size there."""
_STYLE: "dict[RcKeyType, Any]" = {
    "svg.fonttype": "none",
    "svg.hashsalt": "headroom",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "patch.linewidth": 0,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True)
class Drawing:
    """A figure with one pair of axes."""

    figure: "Figure"
    axes: "Axes"

    def legend(self) -> None:
        """Put the labels of what is drawn below the axes, where they cover nothing."""
        handles, labels = self.axes.get_legend_handles_labels()
        self.figure.legend(handles, labels, loc="outside lower center", ncols=2)

    def svg(self, name: str) -> str:
        """Return the figure as an `svg` element; its ids begin with `name`. A screen reader gets the page's table instead."""
        drawn = io.StringIO()
        self.figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
        text = drawn.getvalue()
        text = text[text.index("<svg") :]
        # The style would hold for the whole page, which has its own; the rest is of no use there.
        text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*|<!--.*?-->\s*", "", text, flags=re.DOTALL)
        text = re.sub(r'\bid="', f'id="{name}-', text)
        text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, f"var(--{variable})")
        head = r'<svg \1 xmlns:xlink="http://www.w3.org/1999/xlink" aria-hidden="true">'
        return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', head, text, count=1).strip()


@contextmanager
def drawing(height: float) -> Iterator[Drawing]:
    """Give a drawing of a height in inches, to be turned into SVG before the block ends, as Matplotlib's settings do."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height))
        yield Drawing(figure, figure.subplots())
