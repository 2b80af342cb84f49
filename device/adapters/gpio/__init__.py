"""The panel beside the door, through gpiozero: the only package that imports it."""

from device.adapters.gpio.panel import GpiozeroPanel
from device.adapters.gpio.pins import MOCK_BOARD_REVISION
from device.adapters.gpio.strike import MAX_STRIKE_S
from device.adapters.gpio.wiring import KeypadLines, LampLines, PanelWiring, StrikeLine

__all__ = [
    "MAX_STRIKE_S",
    "MOCK_BOARD_REVISION",
    "GpiozeroPanel",
    "KeypadLines",
    "LampLines",
    "PanelWiring",
    "StrikeLine",
]
