"""Board profiles: what each sound board calls its devices and controls, and what it needs of the operating system.

`device/boards.py` reads them; it says what each member means.
"""
