import type { TunnelStream } from '../../src/tunnel/stream.ts';

/** Bytes of which none is like its neighbours, so that a lost or doubled one shows. */
export const pattern = (size: number, start = 0): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = (start + at * 7 + (at >> 8)) & 255;
  return bytes;
};

/** What a reader of a stream has seen so far. */
export interface Seen {
  bytes: Buffer;
  ended: boolean;
  closed: boolean;
  errors: Error[];
}

/** Reads a stream and notes how it ends. */
export function read(stream: TunnelStream): Seen {
  const parts: Buffer[] = [];
  const seen = {
    get bytes() {
      return Buffer.concat(parts);
    },
    ended: false,
    closed: false,
    errors: [] as Error[],
  };
  stream.on('data', (chunk: Buffer) => parts.push(chunk));
  stream.on('end', () => {
    seen.ended = true;
  });
  stream.on('error', (error) => seen.errors.push(error));
  stream.on('close', () => {
    seen.closed = true;
  });
  return seen;
}

/** Notes how a stream ends, without reading it. */
export function watch(stream: TunnelStream): Omit<Seen, 'bytes' | 'ended'> {
  const seen = { closed: false, errors: [] as Error[] };
  stream.on('error', (error) => seen.errors.push(error));
  stream.on('close', () => {
    seen.closed = true;
  });
  return seen;
}
