import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { BulkResult, BulkTask } from '../task.ts';
import { checksum, pseudoRandom, rate } from './bytes.ts';
import { agentFor } from './http.ts';

/** One download, on a new connection. */
export async function download({ base, bytes, seed }: BulkTask): Promise<BulkResult> {
  const expected = checksum(pseudoRandom(bytes, seed));
  const begin = performance.now();
  const got = await fetchBytes(agentFor(false), base, bytes, seed);
  const ms = performance.now() - begin;
  if (got !== expected) throw new Error(`${base}: checksum ${got} instead of ${expected}`);
  return { mibPerSecond: rate(bytes, ms) };
}

/** One upload, on a new connection; the server answers with the SHA-256 of what arrived. */
export async function upload({ base, bytes, seed }: BulkTask): Promise<BulkResult> {
  const hash = createHash('sha256');
  for (const chunk of pseudoRandom(bytes, seed)) hash.update(chunk);
  const expected = hash.digest('hex');
  const begin = performance.now();
  const request = http.request(`${base}/sha256`, {
    method: 'POST',
    agent: agentFor(false),
    headers: { 'content-length': bytes },
  });
  const [[response]] = await Promise.all([
    once(request, 'response') as Promise<[IncomingMessage]>,
    pipeline(Readable.from(pseudoRandom(bytes, seed)), request),
  ]);
  const answer = await text(response);
  const ms = performance.now() - begin;
  const got = JSON.parse(answer) as { sha256: string; bytes: number };
  if (got.bytes !== bytes || got.sha256 !== expected)
    throw new Error(`${base}: not what was sent: ${answer}`);
  return { mibPerSecond: rate(bytes, ms) };
}

/** Downloads; gives the checksum of what came, which is of the right length. */
export async function fetchBytes(
  agent: http.Agent,
  base: string,
  bytes: number,
  seed: number,
  onResponse: () => void = () => {},
): Promise<number> {
  const request = http.get(`${base}/bytes?n=${bytes}&seed=${seed}`, { agent });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  onResponse();
  let crc = 0;
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    crc = crc32(chunk, crc);
    length += chunk.length;
  });
  await once(response, 'end');
  if (length !== bytes) throw new Error(`${base}: ${length} bytes instead of ${bytes}`);
  return crc;
}
