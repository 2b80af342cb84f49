"""The device's part of the error tree; the roots are in `protocol.errors`."""

from protocol.errors import DoorwardError


class HardwareError(DoorwardError):
    """A piece of hardware could not be used: the door goes on without it and shows a fault."""


class SignalingRefused(DoorwardError):
    """The server is there and will not have us, or is not ours: retried slowly and loudly."""


class SignalingLost(DoorwardError):
    """The server could not be reached: retried fast."""
