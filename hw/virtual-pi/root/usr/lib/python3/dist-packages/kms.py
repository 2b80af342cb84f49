"""Stands in for the kms++ bindings that picamera2's DRM preview imports; a headless service never opens one."""


class _Formats:
    def __getattr__(self, name: str) -> str:
        return name


PixelFormats = PixelFormat = _Formats()
