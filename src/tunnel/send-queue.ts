/** What was written to a stream and waits for a turn, or for credit. Its bound is the Writable's that it belongs to. */
export class SendQueue {
  #chunks: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
  }

  /** Takes up to `limit` bytes, in parts of the chunks that they were written in. */
  take(limit: number): { payload: Buffer[]; length: number } {
    const payload: Buffer[] = [];
    let length = 0;
    for (let next = this.#chunks[0]; next && length < limit; next = this.#chunks[0]) {
      const part = next.subarray(0, limit - length);
      payload.push(part);
      length += part.length;
      if (part.length === next.length) this.#chunks.shift();
      else this.#chunks[0] = next.subarray(part.length);
    }
    this.#bytes -= length;
    return { payload, length };
  }

  clear(): void {
    this.#chunks = [];
    this.#bytes = 0;
  }
}
