/**
 * The agent: makes the network namespace the pod's, and carries its traffic through the tunnel. Started by `docker exec`
 * as root in the network container; its stdin and stdout carry messages of the CLI, and it ends when stdin does.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { ResetCode } from '../../src/tunnel/errors.ts';
import { letPassingBytesPile } from '../../src/tunnel/heap.ts';
import { encodeMessage, MessageDecoder } from '../../src/tunnel/message.ts';
import { decodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { isLoopback } from '../address.ts';
import { nameserversOf, searchOf } from '../resolv-conf.ts';
import { AgentTunnel } from './agent-tunnel.ts';
import type { Dns } from './dns.ts';
import { figuresOf } from './figures.ts';
import { dialProcess } from './inbound.ts';
import type { InboundUdp } from './inbound-udp.ts';
import { familyOf } from './ip.ts';
import { KernelPath } from './kernel-path.ts';
import { type Listening, ListeningWatch, usersPorts } from './listening.ts';
import { answers } from './local-names.ts';
import { AgentLog } from './log.ts';
import * as messages from './messages.ts';
import { Mounts } from './mounts.ts';
import { acceptanceBy, connectedUdpPeer, listeningSockets } from './native.ts';
import { Pause } from './pause.ts';
import { PodLoopback } from './pod-loopback.ts';
import { processAddresses, processPort } from './process-ends.ts';
import { redirectServer } from './redirect.ts';
import { dockerHostAddresses, LocalRoutes, takeOverRoutes, writeHosts, writeResolvConf } from './setup.ts';
import type { Callers } from './transparent.ts';
import { RESOLVER_PORT, serveTun } from './tun.ts';
import { UdpRelay } from './udp.ts';
import { listeningUdp } from './udp-ports.ts';

letPassingBytesPile();

// Not process.stdin and process.stdout: those block the event loop on pipes.
const input = new Socket({ fd: 0, readable: true, writable: false });
const output = new Socket({ fd: 1, readable: false, writable: true });
const log = new AgentLog();
log.followCrashes();
const tell = (event: messages.AgentEvent) => {
  log.event(event);
  output.write(encodeMessage(event));
};

let configuration: messages.Configuration | undefined;
let dns: Dns | undefined;
let callers: Callers | undefined;
let inboundUdp: InboundUdp | undefined;
const pause = new Pause();
const localRoutes = new LocalRoutes();
/** Docker's gateways, which are local from the start. */
let gateways: string[] = [];
const warned = new Set<string>();

function warn(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  tell({ event: 'warning', message });
}

const mounts = new Mounts(
  () => tunnel.current,
  warn,
  (path, bytes) => tell({ event: 'copying', path, bytes }),
);

const podLoopback = new PodLoopback(() => tunnel.current, warn);

const watch = new ListeningWatch(
  () => ({
    ports: usersPorts(podLoopback.others(listeningSockets())),
    udp: listeningUdp(configuration, warn),
  }),
  ({ ports, udp }: Listening) => {
    tell({ event: 'listening', ports: [...ports], udp: [...udp] });
    tunnel.announce();
  },
);

const tunnel = new AgentTunnel({
  onStream: serve,
  onRetired: (old) => mounts.leave(old),
  announcement: announcedPorts,
  tell,
});

function announcedPorts(): { ports: number[]; udp: number[] } | undefined {
  if (!configuration) return undefined;
  const { ports } = configuration;
  const listening = pause.paused ? { ports: [], udp: [] } : watch.listening;
  const answered = (wanted: 'UDP' | undefined, on: readonly number[]) =>
    ports
      .filter(({ process, protocol }) => protocol === wanted && on.includes(process))
      .map(({ pod }) => pod);
  return { ports: answered(undefined, listening.ports), udp: answered('UDP', listening.udp) };
}

async function configure(wanted: messages.Configuration): Promise<void> {
  configuration = wanted;
  const { podAddresses } = wanted;
  const relay = new UdpRelay(() => tunnel.current, peerOfUdp);
  const nameservers = nameserversOf(wanted.resolvConf);
  ({ dns, inbound: inboundUdp } = serveTun({ podAddresses, nameservers, relay }));
  const path = new KernelPath(podAddresses, () => tunnel.current, warn);
  ({ callers } = path);
  for (const { loopback } of podAddresses.map(familyOf)) {
    redirectServer(() => tunnel.current, path.held).listen(messages.REDIRECT_PORT, loopback);
  }
  let features: string[];
  [gateways, features] = await Promise.all([
    takeOverRoutes(podAddresses, wanted.clusterAddresses),
    path.use(),
  ]);
  await setLocal(wanted);
  await podLoopback.listen(wanted.toPod);
  writeHosts(podAddresses, wanted.hostAliases);
  writeResolvConf(wanted.resolvConf);
  tell({ event: 'configured', features });
}

/** Without sock_diag for UDP a socket is taken for one that is not connected, and is not told of ICMP errors. */
function peerOfUdp(port: number): ReturnType<typeof connectedUdpPeer> {
  try {
    return port === RESOLVER_PORT ? undefined : connectedUdpPeer(port);
  } catch (error) {
    warn(`ICMP errors do not reach UDP sockets: ${(error as Error).message}`);
    return undefined;
  }
}

async function setLocal({ addresses, names }: messages.LocalNetwork): Promise<void> {
  const laptop = dockerHostAddresses();
  const wanted = [...addresses, ...laptop.filter((address) => !gateways.includes(address))];
  const isCluster = (address: string) => configuration?.clusterAddresses.includes(address) ?? false;
  for (const address of [...gateways, ...wanted].filter(isCluster)) {
    warn(`${address} is an address of a Docker network and of the cluster: it leads to the cluster`);
  }
  const unreachable = await localRoutes.set(wanted.filter((each) => !isCluster(each)));
  // After the routes: what is found by its name is reached beside the cluster at once.
  dns?.setNames(answers(names, laptop, unreachable), searchOf(configuration?.resolvConf ?? ''));
  for (const address of unreachable) {
    warn(`${address} cannot be reached from the container's Docker networks`);
  }
}

function serve(stream: TunnelStream, payload: Buffer): void {
  const request = decodeRequest(payload);
  if (request.kind !== 'inbound' && request.kind !== 'inbound-udp')
    return stream.reset(ResetCode.badRequest, `${request.kind} is not for an agent`);
  const protocol = request.kind === 'inbound-udp' ? 'UDP' : undefined;
  const port = configuration && processPort(configuration, request.port, protocol);
  if (port === undefined || !configuration || !callers)
    return stream.reset(ResetCode.badRequest, 'not a port of this session');
  if (pause.paused) return stream.reset(ResetCode.noListener, 'the process is being restarted');
  if (protocol) return inboundUdp?.serve(stream, { port, peer: request.peer });
  const from = callers;
  dialProcess(stream, {
    port,
    addresses: processAddresses(request.peer.address, configuration.podAddresses),
    dial: (host, port) => from.dial(request.peer, host, port),
    acceptance: acceptanceBy,
    isPaused: () => pause.paused,
    onAccepted: (socket, release) => pause.add(socket, stream, release),
    onRefused: () => watch.expect(),
    onOnlyAt(address) {
      if (isLoopback(request.peer.address)) return;
      warn(`port ${port} listens on ${address} only; in a pod nobody would reach it`);
    },
  });
}

// One command after the other: a later one builds on what an earlier one set up.
let turn: Promise<void> = Promise.resolve();
async function obey(command: messages.AgentCommand): Promise<void> {
  switch (command.command) {
    case 'configure':
      return await configure(command);
    case 'local':
      return await setLocal(command);
    case 'pause': {
      const drained = pause.begin(command.limitMs);
      tunnel.announce();
      await drained;
      return tell({ event: 'paused' });
    }
    case 'resume':
      pause.end();
      return watch.expect();
    case 'mounts':
      // Not in turn: it takes as long as the link needs for it.
      return void mounts.bring(command.mounts).then((brought) => tell({ event: 'mounted', mounts: brought }));
    case 'figures':
      return tell({ event: 'figures', figures: figuresOf(tunnel.current) });
    case 'move':
      tunnel.move();
  }
}

const decoder = new MessageDecoder();
input.on('data', (chunk) => {
  for (const message of decoder.push(chunk)) {
    turn = turn.then(() => obey(message as messages.AgentCommand));
    turn.catch((error: Error) => {
      log.say(`failed: ${error.stack ?? error.message}`);
      console.error(`tp agent: ${error.stack ?? error.message}`);
      process.exit(1);
    });
  }
});
input.on('close', () => {
  log.say('the CLI has gone: the agent ends');
  // Routes and the TUN device stay, so nothing leaks.
  tunnel.end(() => process.exit(0));
});

mkdirSync(messages.LINK_DIRECTORY, { recursive: true });
const socketPath = `${messages.LINK_DIRECTORY}/${messages.LINK_SOCKET}`;
rmSync(socketPath, { force: true });
const join = (socket: Socket) => {
  socket.on('error', () => {}); // 'close' follows
  if (configuration) tunnel.join(socket, configuration);
  else socket.destroy();
};
createServer({ highWaterMark: 64 * 1024 }, join).listen(socketPath, () => {
  chmodSync(socketPath, 0o666); // the directory on the host is its user's alone
  tell({ event: 'started' });
});
