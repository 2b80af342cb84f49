/**
 * What goes wrong, by what the caller does about it.
 */

/** The other end broke the protocol; `reason` is a close reason of the protocol's section 5. */
export class PeerError extends Error {
  /**
   * @param {string} message what is wrong, for the console
   * @param {string} [reason] close reason to send, when a link is refused over this
   */
  constructor(message, reason = "error") {
    super(message);
    this.name = "PeerError";
    this.reason = reason;
  }
}

/** An invitation that is not taken; `code` names the sentence to show (texts.js). */
export class InvitationError extends Error {
  /**
   * @param {string} code
   * @param {string} [detail]
   */
  constructor(code, detail = "") {
    super(detail ? `${code}: ${detail}` : code);
    this.name = "InvitationError";
    this.code = code;
  }
}

/** The door refused a command, or did not answer it; `code` is a refusal code or `no-answer`. */
export class Refused extends Error {
  /**
   * @param {string} code
   * @param {string} [message]
   */
  constructor(code, message = "") {
    super(message || code);
    this.name = "Refused";
    this.code = code;
  }
}
