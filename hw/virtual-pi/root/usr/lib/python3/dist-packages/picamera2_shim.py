"""Lets an unmodified picamera2 program run on libcamera's `virtual` camera; in the virtual Pi only.

Loaded by picamera2_shim.pth. It adapts picamera2 the moment that is imported, and costs nothing otherwise.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any

FPS = float(os.environ.get("VIRTUAL_PI_FPS", "15"))


def adapt(picamera2: ModuleType) -> None:
    """What `virtual` does otherwise than a Pi's pipeline."""
    import libcamera
    from picamera2.allocators import dmaallocator

    camera = picamera2.Picamera2
    process = camera.process_requests
    allocate = dmaallocator.DmaAllocator.allocate

    def raw_modes(self: Any) -> list[dict[str, Any]]:
        """`virtual` refuses StreamRole.Raw."""
        formats = self.camera.generate_configuration([libcamera.StreamRole.VideoRecording]).at(0).formats
        return [
            {"format": str(pixels), "size": (size.width, size.height)}
            for pixels in formats.pixel_formats
            for size in formats.sizes(pixels)
        ]

    def paced(self: Any, display: Any) -> Any:
        """`virtual` makes frames as fast as buffers come back."""
        due = getattr(self, "_virtual_due", 0.0)
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        self._virtual_due = max(due + 1 / FPS, now)
        return process(self, display)

    class TwoPlanes:
        """`virtual` wants the two planes of NV12 apart; the first keeps its descriptor, which the allocator knows."""

        Plane = libcamera.FrameBuffer.Plane

        def __new__(cls, planes: Sequence[Any]) -> Any:
            luma, chroma = planes[0], libcamera.FrameBuffer.Plane()
            whole = luma.length
            luma.length = whole * 2 // 3
            chroma.fd, chroma.offset, chroma.length = luma.fd, luma.length, whole - luma.length
            return libcamera.FrameBuffer([luma, chroma])

    class WithTwoPlanes:
        FrameBuffer = TwoPlanes

        def __getattr__(self, name: str) -> Any:
            return getattr(libcamera, name)

    def allocate_planes(self: Any, configuration: Any, use: Any) -> Any:
        nv12 = all(str(stream.pixel_format) == "NV12" for stream in configuration)
        dmaallocator.libcamera = WithTwoPlanes() if nv12 else libcamera
        try:
            return allocate(self, configuration, use)
        finally:
            dmaallocator.libcamera = libcamera

    camera._get_raw_modes = raw_modes
    camera.process_requests = paced
    dmaallocator.DmaAllocator.allocate = allocate_planes


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if fullname != "picamera2.picamera2":
            return None
        sys.meta_path.remove(self)
        spec: Any = importlib.machinery.PathFinder.find_spec(fullname, path)
        run = spec.loader.exec_module

        def run_adapted(module: ModuleType) -> None:
            run(module)
            adapt(module)

        spec.loader.exec_module = run_adapted
        return spec


sys.meta_path.insert(0, _Finder())
