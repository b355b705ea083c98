/**
 * The stream of an attached process without a terminal: frames of 8 bytes of header (kind, 3 zeros, length) and that
 * many bytes (Docker Engine API, ContainerAttach). Payloads pass through without waiting for their end.
 */
const HEADER_BYTES = 8;
const STDERR = 2;

export class Demultiplexer {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerHeld = 0;
  #left = 0;
  #kind = 0;

  /** Gives the parts of `chunk` in order, each with whether it is of stderr. */
  *push(chunk: Buffer): Generator<{ stderr: boolean; bytes: Buffer }> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const taken = rest.copy(this.#header, this.#headerHeld, 0, HEADER_BYTES - this.#headerHeld);
        rest = rest.subarray(taken);
        this.#headerHeld += taken;
        if (this.#headerHeld < HEADER_BYTES) return;
        this.#headerHeld = 0;
        this.#kind = this.#header.readUInt8(0);
        this.#left = this.#header.readUInt32BE(4);
        continue;
      }
      const bytes = rest.subarray(0, this.#left);
      rest = rest.subarray(bytes.length);
      this.#left -= bytes.length;
      yield { stderr: this.#kind === STDERR, bytes };
    }
  }
}
