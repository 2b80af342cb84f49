"""Writes every drawing beside this file."""

from pathlib import Path

from hw.drawings.circuits import drawings

for name, svg in drawings().items():
    (Path(__file__).parent / name).write_text(svg, encoding="utf-8")
