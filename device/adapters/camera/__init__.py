"""The camera of a door station: picamera2, and nothing else in the project knows it."""

from device.adapters.camera.camera import Picamera2Camera
from device.adapters.camera.session import CameraSetup

__all__ = ["CameraSetup", "Picamera2Camera"]
