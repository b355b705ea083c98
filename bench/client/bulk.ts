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

/** Downloads at once, each on a new connection. */
export async function download({ base, bytes, streams, seed }: BulkTask): Promise<BulkResult> {
  const share = bytes / streams;
  const seeds = seedsOf(seed, streams);
  const sent = seeds.map((each) => checksum(pseudoRandom(share, each))).join();
  const begin = performance.now();
  const got = await Promise.all(seeds.map((each) => fetchBytes(agentFor(false), base, share, each)));
  const mibPerSecond = rate(bytes, performance.now() - begin);
  return { mibPerSecond, sent, received: got.join() };
}

/** Uploads at once, each on a new connection; the server answers with the SHA-256 of what arrived. */
export async function upload({ base, bytes, streams, seed }: BulkTask): Promise<BulkResult> {
  const share = bytes / streams;
  const seeds = seedsOf(seed, streams);
  const sent = seeds.map((each) => sha256(pseudoRandom(share, each))).join();
  const begin = performance.now();
  const got = await Promise.all(seeds.map((each) => sendBytes(base, share, each)));
  const mibPerSecond = rate(bytes, performance.now() - begin);
  return { mibPerSecond, sent, received: got.join() };
}

/** Each stream has other bytes, so that streams which are mixed up are noticed. */
const seedsOf = (seed: number, streams: number): number[] =>
  Array.from({ length: streams }, (_, index) => seed * streams + index);

function sha256(chunks: Iterable<Buffer>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** Uploads; gives the server's sum of what came, which is of the right length. */
async function sendBytes(base: string, bytes: number, seed: number): Promise<string> {
  const request = http.request(`${base}/sha256`, {
    method: 'POST',
    agent: agentFor(false),
    headers: { 'content-length': bytes },
  });
  const [[response]] = await Promise.all([
    once(request, 'response') as Promise<[IncomingMessage]>,
    pipeline(Readable.from(pseudoRandom(bytes, seed)), request),
  ]);
  const got = JSON.parse(await text(response)) as { sha256: string; bytes: number };
  if (got.bytes !== bytes) throw new Error(`${base}: ${got.bytes} bytes arrived instead of ${bytes}`);
  return got.sha256;
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
