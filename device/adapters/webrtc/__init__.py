"""DTLS-SRTP connections on aiortc; the only place in the device that imports it.

`fence` holds everything that leans on aiortc's private parts, `description` what is said in session descriptions,
`tracks`, `media` and `capacity` the media, `link` one connection, `peers` all of them.
"""

from device.adapters.webrtc.peers import AiortcPeers

__all__ = ["AiortcPeers"]
