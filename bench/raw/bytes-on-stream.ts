import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** Writes as fast as the other side takes it, and leaves the stream open. */
export async function writeAll(stream: Writable, chunks: Iterable<Buffer>): Promise<void> {
  for (const chunk of chunks) {
    if (!stream.write(chunk)) await once(stream, 'drain');
  }
}
