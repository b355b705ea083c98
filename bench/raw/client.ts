/** On the laptop: one stream through the API server to the pod of the bench. Its one line is the result as JSON. */
import type { Duplex } from 'node:stream';
import { crc32 } from 'node:zlib';
import { connectCluster } from '../../src/cluster/client.ts';
import { openPodStream } from '../../src/cluster/pod-stream.ts';
import { checksum, pseudoRandom, rate, warmUpBytes } from '../client/bytes.ts';
import type { BulkResult } from '../task.ts';
import { writeAll } from './bytes-on-stream.ts';
import { RAW_LIMIT_MS, RAW_PORT, type RawTask } from './protocol.ts';

const [kubeconfig = '', namespace = '', pod = '', json = ''] = process.argv.slice(2);
const task = JSON.parse(json) as RawTask;

/** Kubernetes' login plugins have nobody to ask here. */
const terminal = { inputIsFree: false, lend: <T>(work: () => Promise<T>) => work() };

async function receive(stream: Duplex, { bytes }: RawTask): Promise<string> {
  let crc = 0;
  let left = bytes;
  for await (const part of stream as AsyncIterable<Buffer>) {
    crc = crc32(part, crc);
    left -= part.length;
    if (left <= 0) break;
  }
  if (left !== 0) throw new Error(`${left} of ${bytes} bytes are missing`);
  return `${crc}`;
}

async function send(stream: Duplex, { bytes, seed }: RawTask): Promise<string> {
  await writeAll(stream, pseudoRandom(bytes, seed));
  let answer = '';
  for await (const part of stream as AsyncIterable<Buffer>) {
    answer += part.toString('latin1');
    if (answer.endsWith('\n')) break;
  }
  return answer.trim();
}

const cluster = connectCluster({ kubeconfig, namespace, terminal });
const sent = `${checksum(pseudoRandom(task.bytes, task.seed))}`;

async function transfer(wanted: RawTask): Promise<{ received: string; ms: number }> {
  // Open already, as the tunnel of a session is: what is compared is the stream.
  const stream = await openPodStream(cluster, pod, RAW_PORT, AbortSignal.timeout(RAW_LIMIT_MS));
  const begin = performance.now();
  stream.write(`${JSON.stringify(wanted)}\n`);
  const received = wanted.sender === 'pod' ? await receive(stream, wanted) : await send(stream, wanted);
  const ms = performance.now() - begin;
  stream.destroy();
  return { received, ms };
}

await transfer({ ...task, bytes: warmUpBytes(task.bytes) }); // as everything else
const { received, ms } = await transfer(task);
const mibPerSecond = rate(task.bytes, ms);
console.log(JSON.stringify({ mibPerSecond, sent, received } satisfies BulkResult));
process.exit();
