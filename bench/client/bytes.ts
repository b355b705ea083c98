import { createCipheriv, createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const MIB = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** What servicename's /bytes sends: the keystream of AES in counter mode. */
export function* pseudoRandom(bytes: number, seed: number): Generator<Buffer> {
  const key = createHash('sha256').update(String(seed)).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    yield cipher.update(zeros.subarray(0, Math.min(left, CHUNK_BYTES)));
  }
}

/** CRC-32: it finds what is missing, doubled or out of order, at a cost that does not show beside the transfer. */
export function checksum(chunks: Iterable<Buffer>): number {
  let crc = 0;
  for (const chunk of chunks) crc = crc32(chunk, crc);
  return crc;
}

/** MiB/s. */
export const rate = (bytes: number, ms: number): number => bytes / MIB / (ms / 1000);

/**
 * What is carried before so many bytes are measured. The processes of a session carry the first of several transfers slower than the
 * fourth, of 256 MiB each; from there on all are alike.
 */
export const warmUpBytes = (bytes: number): number => 2 * bytes;
