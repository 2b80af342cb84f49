"""Microphone and loudspeaker through ALSA; the only place that imports alsaaudio."""

from device.adapters.audio.sound import AlsaSound

__all__ = ["AlsaSound"]
