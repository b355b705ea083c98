/** The proxy: stands in the place of the workload's pod, and joins what arrives there to the user's process. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Phase } from '../../src/tunnel/control.ts';
import { ResetCode } from '../../src/tunnel/errors.ts';
import { letPassingBytesPile } from '../../src/tunnel/heap.ts';
import type { Role } from '../../src/tunnel/hello.ts';
import { decodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { plainAddress } from '../address.ts';
import { searchOf } from '../resolv-conf.ts';
import { POD_ADDRESSES_VARIABLE, readConfig } from './config.ts';
import { EventFeed, serveCall } from './control.ts';
import { serveCopy } from './copy.ts';
import { Departure } from './departure.ts';
import { podEnvironment } from './environment.ts';
import { Fallback } from './fallback.ts';
import { serveFiles } from './files.ts';
import { fromPodDatagrams, fromPodServer } from './from-pod.ts';
import { inboundServer } from './inbound.ts';
import { InboundUdp } from './inbound-udp.ts';
import { LINK_LOG, logLine } from './link-log.ts';
import { Listeners } from './listeners.ts';
import { dialOut } from './outbound.ts';
import { readinessServer } from './readiness.ts';
import { sessionServer } from './sessions.ts';
import { StraightLinks } from './straight-links.ts';
import { relayUdp } from './udp.ts';

letPassingBytesPile();

const log = (line: string) => console.log(logLine(line));

const config = readConfig(dirname(process.argv[1] ?? '.'));
const addresses = (process.env[POD_ADDRESSES_VARIABLE] ?? '')
  .split(',')
  .filter((text) => text !== '')
  .map(plainAddress);
const listeners = new Listeners(config.waitReadyMs);
const events = new EventFeed();
const departure = new Departure();
const fallback = config.fallback && new Fallback({ name: fallbackName(config.fallback), own: addresses });
const environment = podEnvironment(process.env, config.environment);
let agent: Tunnel | undefined;
let agentDown = false;
let answered = false;

/** The Service's full name, with the cluster's domain as the pod's resolv.conf has it. */
function fallbackName({ service, namespace }: { service: string; namespace: string }): string {
  const domain = searchOf(readFileSync('/etc/resolv.conf', 'utf8')).find((name) =>
    name.startsWith(`${namespace}.svc.`),
  );
  return `${service}.${domain ?? `${namespace}.svc.cluster.local`}`;
}

/** `ended` is only said by a session that held Services; `leaving` then says that they were given back. */
function onPhase(phase: Phase): void {
  if (phase === 'leaving' && listeners.phase === 'ended') departure.givenBack();
  if (phase === 'leaving' && agentDown) agent?.close();
  listeners.setPhase(phase);
}

function serve(role: Role, stream: TunnelStream, payload: Buffer, tunnel: Tunnel): void {
  const request = decodeRequest(payload);
  if (role === 'agent' && request.kind === 'tcp') dialOut(stream, request.host, request.port);
  else if (role === 'agent' && request.kind === 'udp') relayUdp(stream, request.peer);
  else if (role === 'agent' && request.kind === 'listeners') listeners.follow(tunnel, stream);
  else if (role === 'agent' && request.kind === 'files') void serveFiles(stream, request.path, request.after);
  else if (role === 'agent' && request.kind === 'copy')
    void serveCopy(stream, request.path, request.maxBytes);
  else if (role === 'control' && request.kind === 'call') {
    serveCall(stream, { environment, addresses, fallback, onPhase, onServe: listenOn });
  } else if (role === 'control' && request.kind === 'events') events.add(stream);
  else stream.reset(ResetCode.badRequest, `${request.kind} is not for ${role}`);
}

const straight = new StraightLinks();
const links = sessionServer({
  tokenSha256: config.tokenSha256,
  onToken: (token) => straight.learn(token),
  onStream: serve,
  onAgent(tunnel) {
    agent = tunnel;
    agentDown = false;
    listeners.setAgent(tunnel);
    log(tunnel ? LINK_LOG.joined : LINK_LOG.gone);
  },
  onLink(state) {
    agentDown = state === 'down';
    listeners.setLink(state);
    log(LINK_LOG[state]);
  },
  // Once the Services are given back nobody comes again.
  resumable: () => listeners.phase !== 'leaving',
  resumeLimitMs: config.resumeLimitMs,
});

/** The pod's ports that the proxy listens on. */
const served = new Set<number>();
const servedUdp = new Set<number>();

function onAnswered(port: number, peer: string): void {
  if (!answered) events.tell({ event: 'answered', port, peer });
  answered = true;
}

function onUnanswered(what: string, error: Error): void {
  const message = `${what} got no answer: ${error.message}`;
  log(message);
  events.tell({ event: 'warning', message });
}

const inboundUdp = new InboundUdp({
  listeners,
  fallback,
  onCaller: () => departure.callerCame(),
  onAnswered,
  onUnanswered: (port, peer, error) => onUnanswered(`a datagram from ${peer} to UDP port ${port}`, error),
});

/** Listens on ports of the pod. Rejects where one cannot be listened on, such as a low one without the sysctl. */
async function listenOn(ports: readonly number[], udp: readonly number[]): Promise<void> {
  const added = ports.filter((port) => !served.has(port));
  const addedUdp = udp.filter((port) => !servedUdp.has(port));
  await Promise.all([
    ...addedUdp.map(async (port) => {
      await inboundUdp.listen(port);
      servedUdp.add(port);
    }),
    ...added.map(async (port) => {
      const server = inboundServer({
        port,
        listeners,
        fallback,
        onAnswered,
        onUnanswered: (_port, peer, error) =>
          onUnanswered(`a connection from ${peer} to port ${port}`, error),
      });
      await once(server.listen(port), 'listening');
      served.add(port);
      departure.watch(server);
    }),
  ]);
}

/** How often a pod that was told to end looks whether it is still needed (ms). */
const NEEDED_CHECK_MS = 500;

/**
 * Without a fallback there is no name by which to tell whether the session was undone: a laptop whose link is down when the
 * pod is told to end is waited for this long (ms), as it takes to connect again, and not until the pod's grace is over.
 */
const LAPTOP_LIMIT_MS = 5_000;

process.on('SIGTERM', () => {
  // Until its grace ends the pod goes on serving, for nodes still send to it while no successor is ready; once the
  // Services are given back it may go as soon as it is idle. A session that was undone from outside takes the
  // fallback's name away: nobody else could tell a pod that is ending already.
  log(`asked to end (${listeners.phase})`);
  events.tell({ event: 'ending' });
  const asked = performance.now();
  setInterval(() => {
    if ((agent && !agentDown) || listeners.phase === 'leaving') return;
    // A laptop whose link is down is waited for; but if the session was undone it does not come back.
    if (!fallback) {
      if (!agent || performance.now() - asked >= LAPTOP_LIMIT_MS) listeners.setPhase('leaving');
      return;
    }
    void fallback.isGone().then((gone) => {
      if (!gone || listeners.phase === 'leaving') return;
      departure.givenBack();
      listeners.setPhase('leaving');
    });
  }, NEEDED_CHECK_MS);
  const leave = () => {
    if (listeners.phase === 'leaving') void departure.complete().then(exit);
  };
  leave();
  listeners.on('change', leave);
});

/** Whoever removes the pod need not wait for its node to tell. What is told leaves in the next turn of the event loop. */
function exit(): void {
  events.tell({ event: 'departed' });
  setImmediate(() => setImmediate(() => process.exit(0)));
}

const sidecarsDatagrams = fromPodDatagrams(listeners);
await Promise.all([
  listenOn(config.ports, config.udp),
  ...config.fromPod.map(({ port, protocol }) =>
    protocol === 'udp'
      ? sidecarsDatagrams.listen(port, '127.0.0.1')
      : once(fromPodServer(port, listeners).listen(port, '127.0.0.1'), 'listening'),
  ),
  once(links.listen(config.tunnelPort, '127.0.0.1'), 'listening'),
]);
const readiness = readinessServer(config, listeners, fallback);
straight.serve(readiness, links);
await once(readiness.listen(config.healthPort), 'listening');
log(
  `session ${config.session}: ports ${[...config.ports, ...config.udp.map((port) => `${port}/udp`)].join(', ') || 'none'}`,
);
