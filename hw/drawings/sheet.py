"""A sheet of paper for circuits: symbols of IEC 60617 on a grid, written as SVG.

Coordinates are pixels; a symbol's two ends are 60 apart, its middle is where it is placed. Text is never smaller than
13 px, and nothing is told by colour alone.
"""

from xml.sax.saxutils import escape

STYLE = (
    "text{font:14px 'DejaVu Sans',Arial,sans-serif;fill:#111}.s{font-size:13px;fill:#333}"
    ".t{font-size:18px;font-weight:bold}path.d{stroke-dasharray:7 5;stroke:#555}"
    ".b{font-weight:bold}.m{text-anchor:middle}.e{text-anchor:end}"
    "path,rect,circle{stroke:#111;stroke-width:1.8;fill:none}.f{fill:#111}.w{fill:#fff}"
)


class Sheet:
    """Collects what is drawn; `svg` is the whole file."""

    def __init__(self, title: str, width: int, height: int) -> None:
        self._size = (width, height)
        self._parts: list[str] = []
        self._title = title
        self.text(20, 30, title, "t")

    @property
    def svg(self) -> str:
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' role="img"><title>{escape(self._title)}</title><style>{STYLE}</style>'
            f'<rect width="{width}" height="{height}" style="fill:#fff;stroke:none"/>'
        )
        return "\n".join([head, *self._parts, "</svg>", ""])

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        self._parts.append(f'<text x="{x:g}" y="{y:g}" class="{style}">{escape(words)}</text>')

    def path(self, d: str, style: str = "") -> None:
        self._parts.append(f'<path d="{d}" class="{style}"/>')

    def box(self, x: float, y: float, width: float, height: float, style: str = "") -> None:
        self._parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" class="{style}"/>')

    def wire(self, *points: tuple[float, float]) -> None:
        self.path("M" + "L".join(f"{x:g} {y:g}" for x, y in points))

    def node(self, x: float, y: float) -> None:
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="3.2" class="f"/>')

    def terminal(self, x: float, y: float, label: str = "", above: bool = True) -> None:
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="5" class="w"/>')
        self.text(x, y - 11 if above else y + 24, label, "s m")

    def ground(self, x: float, y: float) -> None:
        self.path(f"M{x} {y}v10M{x - 12} {y + 10}h24M{x - 8} {y + 15}h16M{x - 4} {y + 20}h8")

    def supply(self, x: float, y: float, label: str) -> None:
        self.path(f"M{x} {y}v-10M{x - 9} {y - 10}h18")
        self.text(x, y - 16, label, "m b")

    def resistor(self, x: float, y: float, label: str, upright: bool = False) -> None:
        if upright:
            self.path(f"M{x} {y - 30}v12M{x} {y + 18}v12")
            self.box(x - 7, y - 18, 14, 36)
            self.text(x + 13, y + 5, label, "s")
        else:
            self.path(f"M{x - 30} {y}h12M{x + 18} {y}h12")
            self.box(x - 18, y - 7, 36, 14)
            self.text(x, y - 14, label, "s m")

    def capacitor(self, x: float, y: float, label: str) -> None:
        """Upright."""
        self.path(f"M{x} {y - 30}v26M{x - 13} {y - 4}h26M{x - 13} {y + 4}h26M{x} {y + 4}v26")
        self.text(x + 18, y + 5, label, "s")

    def diode(self, x: float, y: float, label: str) -> None:
        """Upright, the cathode above."""
        self.path(f"M{x} {y - 30}v20M{x - 11} {y - 10}h22M{x} {y + 10}v20")
        self.path(f"M{x - 11} {y + 10}h22l-11 -20z", "f")
        self.text(x + 18, y + 5, label, "s")

    def led(self, x: float, y: float, *label: str) -> None:
        """Upright, the anode above."""
        self.path(
            f"M{x} {y - 30}v20M{x - 11} {y + 10}h22M{x} {y + 10}v20M{x + 15} {y - 8}l12 -8M{x + 15} {y + 2}l12 -8"
        )
        self.path(f"M{x - 11} {y - 10}h22l-11 20z", "f")
        for number, words in enumerate(label):
            self.text(x + 34, y + 5 + 18 * number, words, "s")

    def tvs(self, x: float, y: float, label: str) -> None:
        """Upright and for both polarities."""
        self.path(f"M{x} {y - 30}v12M{x - 13} {y - 3}l3 3h20l3 3M{x} {y + 18}v12")
        self.path(f"M{x - 10} {y - 18}h20l-10 18zM{x - 10} {y + 18}h20l-10 -18z")
        self.text(x + 18, y + 5, label, "s")

    def switch(self, x: float, y: float, label: str, closed: bool = False) -> None:
        """Upright; drawn as it is when nothing happens."""
        slope = "l0 -34" if closed else "l-16 -30"
        self.path(f"M{x} {y + 30}v-13{slope}M{x} {y - 30}v13")
        if closed:
            self.path(f"M{x - 6} {y - 14}h12")
        self.text(x + 16, y + 5, label, "s")

    def nmos(self, x: float, y: float, label: str) -> None:
        """Drain above at (x, y − 30), source below at (x, y + 30), gate left at (x − 40, y + 8)."""
        self.path(
            f"M{x - 40} {y + 8}h18M{x - 22} {y - 14}v28M{x - 15} {y - 16}v10M{x - 15} {y - 5}v10M{x - 15} {y + 6}v10"
        )
        self.path(f"M{x - 15} {y - 11}h15v-19M{x - 15} {y + 11}h15v19M{x - 15} {y}h15v11")
        self.path(f"M{x - 15} {y}l8 -4v8z", "f")
        self.text(x + 12, y + 5, label, "s")

    def npn(self, x: float, y: float, label: str) -> None:
        """Collector above at (x, y − 30), emitter below at (x, y + 30), base left at (x − 40, y)."""
        self.path(
            f"M{x - 40} {y}h22M{x - 18} {y - 16}v32M{x - 18} {y - 7}L{x} {y - 18}v-12M{x - 18} {y + 7}L{x} {y + 18}v12"
        )
        self.path(f"M{x - 2} {y + 17}l-9 -1l5 -7z", "f")
        self.text(x + 12, y + 5, label, "s")

    def coil(self, x: float, y: float, label: str) -> None:
        """Upright: a strike's or a relay's."""
        self.path(f"M{x} {y - 30}v12M{x} {y + 18}v12")
        self.box(x - 18, y - 18, 36, 36)
        self.path(f"M{x - 18} {y + 18}l36 -36")
        self.text(x + 26, y + 5, label, "s")

    def gpio(self, x: float, y: float, label: str) -> None:
        """The header's end of a wire that goes on to the right from (x, y)."""
        self.box(x - 150, y - 16, 150, 32, "w")
        self.text(x - 140, y + 5, label, "b")
