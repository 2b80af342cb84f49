"""The hardware in words and data; the installed package reads `pins.toml` from here, too (`importlib.resources`)."""
