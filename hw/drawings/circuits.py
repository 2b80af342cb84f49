"""The circuits beside the Pi. Values are explained, with their sources, in hw/README.md."""

from device.pins import Line, known_lines
from hw.drawings.bench import rig
from hw.drawings.sheet import Sheet


def place(line: Line) -> str:
    return f"GPIO {line.bcm} · pin {line.pin}"


def of_kind(kind: str) -> list[Line]:
    return [line for line in known_lines().values() if line.kind == kind]


def _others(sheet: Sheet, y: float, lines: list[Line]) -> None:
    if len(lines) > 1:
        sheet.text(20, y, "The others likewise: " + ", ".join(place(line) for line in lines[1:]), "s")


def input_circuit(title: str, kind: str, switch: str, note: str, closed: bool) -> str:
    """Button, exit button, contact or loop: one circuit for every wire that leaves the housing."""
    lines = of_kind(kind)
    sheet = Sheet(title, 820, 340)
    sheet.gpio(180, 160, place(lines[0]))
    sheet.wire((180, 160), (310, 160))
    sheet.node(250, 160)
    sheet.resistor(250, 120, "10 kΩ", upright=True)
    sheet.wire((250, 150), (250, 160))
    sheet.supply(250, 90, "3.3 V (pin 1)")
    sheet.node(290, 160)
    sheet.wire((290, 160), (290, 180))
    sheet.capacitor(290, 210, "100 nF")
    sheet.ground(290, 240)
    sheet.resistor(340, 160, "1 kΩ")
    sheet.wire((370, 160), (560, 160))
    sheet.node(440, 160)
    sheet.wire((440, 160), (440, 180))
    sheet.tvs(440, 210, "5 V, two-way TVS")
    sheet.ground(440, 240)
    sheet.terminal(560, 160, "1")
    sheet.wire((565, 160), (680, 160), (680, 180))
    sheet.switch(680, 210, switch, closed)
    sheet.wire((680, 240), (680, 270), (565, 270))
    sheet.terminal(560, 270, "2", above=False)
    sheet.wire((555, 270), (520, 270), (520, 276))
    sheet.ground(520, 276)
    sheet.path("M600 70V300", "d")
    sheet.text(590, 66, "inside", "s e")
    sheet.text(610, 66, "at the door", "s")
    sheet.text(20, 322, note, "s")
    _others(sheet, 304, lines)
    return sheet.svg


def lamp() -> str:
    """A lamp of up to 100 mA at 5 to 24 V."""
    first, second = of_kind("lamp")[0], of_kind("second-lamp")[0]
    sheet = Sheet("Lamp", 820, 360)
    sheet.gpio(180, 200, place(first))
    sheet.wire((180, 200), (230, 200))
    sheet.resistor(260, 200, "2.2 kΩ")
    sheet.wire((290, 200), (360, 200))
    sheet.node(320, 200)
    sheet.wire((320, 200), (320, 210))
    sheet.resistor(320, 240, "10 kΩ", upright=True)
    sheet.ground(320, 270)
    sheet.npn(400, 200, "BC337-25")
    sheet.wire((400, 230), (400, 250))
    sheet.ground(400, 250)
    sheet.wire((400, 170), (400, 140), (560, 140))
    sheet.terminal(560, 140, "−")
    sheet.wire((555, 80), (480, 80))
    sheet.terminal(560, 80, "+")
    sheet.supply(480, 80, "lamp's supply")
    sheet.wire((565, 140), (660, 140))
    sheet.wire((565, 80), (660, 80))
    sheet.led(660, 110, "LED with", "its resistor")
    sheet.path("M600 50V300", "d")
    sheet.text(610, 300, "at the door", "s")
    sheet.text(20, 322, f"The second lamp likewise: {place(second)}", "s")
    return sheet.svg


def strike(relay: bool) -> str:
    """GPIO, hardware time limit, switch; and a DC strike, or a relay for every other one."""
    lines = of_kind("strike")
    title = "Strike by relay: alternating current, or fail-safe" if relay else "Strike for direct current"
    sheet = Sheet(title, 980, 460)
    sheet.gpio(180, 150, place(lines[0]))
    sheet.wire((180, 150), (330, 150))
    sheet.node(220, 150)
    sheet.wire((220, 150), (220, 170))
    sheet.resistor(220, 200, "10 kΩ", upright=True)
    sheet.ground(220, 230)
    sheet.node(290, 150)
    sheet.wire((290, 150), (290, 240))
    sheet.capacitor(290, 270, "")
    sheet.text(268, 275, "100 nF", "s e")
    sheet.ground(290, 300)
    sheet.box(330, 120, 180, 150, "w")
    sheet.text(420, 112, "TPL5111: the time limit", "b m")
    for y, left in ((150, "VDD"), (190, "EN/ONE_SHOT"), (250, "GND")):
        sheet.text(338, y + 5, left, "s")
    for y, right in ((150, "DRVn"), (190, "DELAY"), (250, "DONE")):
        sheet.text(502, y + 5, right, "s e")
    sheet.wire((330, 190), (310, 190), (310, 330), (405, 330))
    sheet.wire((330, 250), (310, 250))
    sheet.node(310, 250)
    sheet.wire((510, 250), (525, 250), (525, 330), (405, 330))
    sheet.node(405, 330)
    sheet.ground(405, 330)
    sheet.wire((510, 190), (550, 190), (550, 200))
    sheet.resistor(550, 230, "10.2 kΩ", upright=True)
    sheet.ground(550, 260)
    sheet.wire((510, 150), (560, 150))
    sheet.resistor(590, 150, "100 Ω")
    sheet.wire((620, 150), (680, 150))
    sheet.node(650, 150)
    sheet.wire((650, 150), (650, 290))
    sheet.resistor(650, 320, "10 kΩ", upright=True)
    sheet.ground(650, 350)
    sheet.nmos(720, 142, "AO3400A")
    sheet.wire((720, 172), (720, 350))
    sheet.ground(720, 350)
    if relay:
        _relay(sheet)
    else:
        _direct(sheet)
    words = "The GPIO is the timer's supply: low ends the pulse at once, high begins one that ends by itself after 8 s."
    sheet.text(20, 410, words, "s")
    _others(sheet, 432, lines)
    return sheet.svg


def _direct(sheet: Sheet) -> None:
    sheet.wire((720, 112), (720, 95), (850, 95))
    sheet.node(780, 95)
    sheet.terminal(850, 95, "−")
    sheet.terminal(850, 35, "+")
    sheet.wire((845, 35), (780, 35))
    sheet.diode(780, 65, "")
    sheet.text(700, 62, "1N5404", "s")
    sheet.supply(740, 35, "12 V")
    sheet.wire((740, 35), (780, 35))
    sheet.node(780, 35)
    sheet.wire((855, 35), (905, 35))
    sheet.wire((855, 95), (905, 95))
    sheet.coil(905, 65, "strike")


def _relay(sheet: Sheet) -> None:
    sheet.wire((720, 112), (720, 95), (780, 95))
    sheet.coil(720, 65, "")
    sheet.text(652, 50, "relay", "s")
    sheet.text(652, 68, "5 V coil", "s")
    sheet.supply(720, 35, "5 V (pin 2)")
    sheet.wire((720, 35), (780, 35))
    sheet.diode(780, 65, "1N4007")
    sheet.node(720, 95)
    sheet.node(720, 35)
    sheet.wire((900, 130), (900, 150))
    sheet.terminal(900, 125, "strike's supply")
    sheet.switch(900, 180, "NO", closed=False)
    sheet.wire((900, 210), (900, 230))
    sheet.coil(900, 260, "strike")
    sheet.wire((900, 290), (900, 310))
    sheet.terminal(900, 315, "return", above=False)
    sheet.text(960, 388, "fail-safe: contact NC instead of NO", "s e")


def keypad() -> str:
    """A 4×3 matrix."""
    rows, columns = of_kind("keypad-row"), of_kind("keypad-column")
    sheet = Sheet("Keypad", 860, 450)
    keys = ("123", "456", "789", "*0#")
    for number, line in enumerate(rows):
        y = 110 + 60 * number
        sheet.gpio(180, y, place(line))
        sheet.wire((180, y), (230, y))
        sheet.resistor(260, y, "1 kΩ")
        sheet.wire((290, y), (770, y))
        sheet.text(780, y + 5, f"row {number + 1}", "s")
    for number, line in enumerate(columns):
        x = 390 + 150 * number
        sheet.wire((x, 80), (x, 340))
        sheet.text(x, 72, f"column {number + 1}", "s m")
        sheet.text(x, 362, place(line), "b m")
        for row, names in enumerate(keys):
            y = 110 + 60 * row
            sheet.path(f"M{x} {y + 26}h18M{x + 48} {y}v26h-12M{x + 20} {y + 24}l15 -9")
            sheet.node(x, y + 26)
            sheet.node(x + 48, y)
            sheet.text(x + 28, y + 46, names[number], "b")
    sheet.text(
        20,
        410,
        "Columns are pulled up inside the Pi. Each of the seven wires has a 5 V two-way TVS to ground where it",
        "s",
    )
    sheet.text(
        20, 430, "enters the housing, as on the drawing of the button. SPI must be off: its lines are used here.", "s"
    )
    return sheet.svg


def header() -> str:
    """The forty pins, seen from above, pin 1 in the corner of the board."""
    names = {line.pin: (name, line) for name, line in known_lines().items()}
    fixed = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V"} | dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), "ground")
    sheet = Sheet("The 40-pin header", 760, 660)
    for pin in range(1, 41):
        left, row = pin % 2 == 1, (pin - 1) // 2
        x, y = (360 if left else 400), 70 + 29 * row
        sheet.box(x - 17, y - 12, 34, 24, "w")
        sheet.text(x, y + 5, str(pin), "s m")
        found = names.get(pin)
        label = f"{found[0]} (GPIO {found[1].bcm})" if found else fixed.get(pin, "–")
        sheet.text(x - 28 if left else x + 28, y + 5, label, ("e" if left else "") + (" b" if found else " s"))
        if found:
            sheet.path(f"M{x - 17 if left else x + 17} {y}h{-8 if left else 8}")
    return sheet.svg


def drawings() -> dict[str, str]:
    """Every drawing by its file's name."""
    return {
        "header.svg": header(),
        "button.svg": input_circuit("Button", "button", "bell button", "Open until somebody presses.", closed=False),
        "exit.svg": input_circuit(
            "Exit button", "exit", "exit button, inside", "Open until somebody presses.", closed=False
        ),
        "contact.svg": input_circuit(
            "Door contact",
            "contact",
            "reed, door shut",
            "Closed by the magnet of a shut door: a cut wire is an open door.",
            True,
        ),
        "tamper.svg": input_circuit(
            "Tamper loop",
            "tamper",
            "housing shut",
            "All switches in series, closed: a cut wire is an alarm.",
            closed=True,
        ),
        "lamp.svg": lamp(),
        "strike-dc.svg": strike(relay=False),
        "strike-relay.svg": strike(relay=True),
        "keypad.svg": keypad(),
        "rig.svg": rig(),
    }
