/**
 * A picture in pieces, as a door sends it on `control` after `{"type":"snapshot","id","size"}` (protocol section 5).
 */

import { PeerError } from "./errors.js";

/** No still picture of a door is larger than this, bytes. */
export const LARGEST = 1024 * 1024;

/** Bytes of one binary message (protocol section 5). */
const PIECE = 16 * 1024;

/** Takes pieces until they are `size` bytes. */
export class Incoming {
  /** @param {number} size bytes; PeerError for more than a picture may have */
  constructor(size) {
    if (size > LARGEST) throw new PeerError(`snapshot of ${size} bytes`);
    /** @private */ this.bytes = new Uint8Array(size);
    /** @private */ this.filled = 0;
  }

  /**
   * @param {ArrayBuffer} piece
   * @returns {Blob|null} the JPEG when it is complete; PeerError for what is none
   */
  add(piece) {
    const { bytes } = this;
    if (piece.byteLength < 1 || piece.byteLength > PIECE) throw new PeerError(`a piece of ${piece.byteLength} bytes`);
    if (this.filled + piece.byteLength > bytes.length) throw new PeerError("more of a snapshot than was announced");
    bytes.set(new Uint8Array(piece), this.filled);
    this.filled += piece.byteLength;
    if (this.filled < bytes.length) return null;
    const jpeg = bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
    if (!jpeg) throw new PeerError("a snapshot that is no JPEG");
    return new Blob([bytes], { type: "image/jpeg" });
  }
}
