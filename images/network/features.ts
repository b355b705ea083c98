/**
 * Tries what a session needs of the kernel, once and for a moment, in a container like the network container: each part
 * is used as the agent uses it. Prints what it found, as JSON. Run by `tp doctor`.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { TUN, V4 } from './ip.ts';
import type { Feature } from './messages.ts';
import { REDIRECT_PORT } from './messages.ts';
import { listeningSockets, originalDestination } from './native.ts';
import { holdSyns } from './rules.ts';
import { TUN_MTU, takeOverRoutes } from './setup.ts';
import { openSynQueue } from './syn-queue.ts';
import { Callers } from './transparent.ts';
import { openTun } from './tun-device.ts';

/** Addresses that are nobody's (RFC 5737): the pod's, and one in the cluster. */
const POD = ['192.0.2.1'];
const PEER = { host: '192.0.2.2', port: 80 };

/** A redirected connection arrives at once, or never (ms). */
const REDIRECT_LIMIT_MS = 2_000;

/** In their order: a later one builds on those before it. A session does without those that say how it is `without` them. */
const TRIALS: readonly [name: string, trial: () => unknown, without?: string][] = [
  ['sock_diag', listeningSockets],
  ['TUN device', () => openTun(TUN, TUN_MTU, () => {})],
  ['routes, marks and rules', () => takeOverRoutes(POD)],
  ['redirect of TCP', redirected],
  [
    'packets that wait (NFQUEUE)',
    async () => {
      openSynQueue(() => {});
      await holdSyns(V4);
    },
    'connections seem accepted before the peer has accepted',
  ],
  [
    "callers' addresses (IP_TRANSPARENT)",
    () => new Callers(POD).keep(),
    "the process sees the pod's address as its callers'",
  ],
];

async function redirected(): Promise<void> {
  const server = createServer().listen(REDIRECT_PORT, '127.0.0.1');
  await once(server, 'listening');
  const signal = AbortSignal.timeout(REDIRECT_LIMIT_MS);
  const client = connect(PEER);
  client.on('error', () => {}); // that nobody came is the answer
  const [socket] = (await once(server, 'connection', { signal })) as [Socket];
  const { host, port } = originalDestination(socket);
  if (host !== PEER.host || port !== PEER.port) throw new Error(`it was going to ${host}:${port}`);
}

async function tryAll(): Promise<Feature[]> {
  const found: Feature[] = [];
  for (const [name, trial, without] of TRIALS) {
    try {
      await trial();
      found.push({ name });
    } catch (error) {
      // What builds on it would only fail as well.
      const failure = (error as Error).message.trim().replace(/\s*\n\s*/g, ' | ');
      found.push({ name, failure, ...(without !== undefined && { without }) });
      if (without === undefined) return found;
    }
  }
  return found;
}

void tryAll().then((found) => process.stdout.write(JSON.stringify(found), () => process.exit()));
