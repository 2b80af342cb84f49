"""The wiring drawings, made from `hw/pins.toml`: `python -m hw.drawings` writes them, and a test holds them to it."""
