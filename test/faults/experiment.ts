import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectl, kubectlJson } from '../e2e/harness/cluster.ts';
import { docker } from '../e2e/harness/container.ts';
import { eventually } from '../e2e/harness/eventually.ts';
import { Load, type LoadResult } from '../e2e/harness/load.ts';
import { Relay } from '../e2e/harness/relay.ts';
import { snapshot } from '../e2e/harness/snapshot.ts';
import { Tp } from '../e2e/harness/tp.ts';
import { OpenStream, type StreamResult } from './open-stream.ts';

/** One fault, and what is allowed to come of it. */
export interface Fault {
  id: string;
  what: string;
  /** Requests that may fail: none, those that were under way at that moment, or those until the proxy is back. */
  failed: 'none' | 'in flight' | 'until it is back';
  stream: 'survives' | 'ends';
  /** Whether the session goes on by itself. */
  session: 'goes on' | 'ends';
  /** What the fault itself changes for good, by its path in a snapshot. */
  changes?: RegExp;
  /** Does it, and waits until what it is about is over. */
  inject(run: Running): Promise<void>;
}

/** A session under load, to be disturbed. */
export interface Running {
  tp: Tp;
  relay: Relay;
  /** The name of the network container. */
  network: string;
  /** The proxy's pod, as it is now. */
  proxyPod(): Promise<string>;
  /** Waits until the session says that it is connected again. */
  connectedAgain(): Promise<void>;
}

export interface Outcome {
  id: string;
  what: string;
  load: LoadResult;
  stream: StreamResult;
  /** From the fault until the laptop answered new connections again for good (s); 0 where it never stopped. */
  healthyAfter: number | undefined;
  /** What differs from before, once it is over. */
  left: string;
  said: string;
}

/** Requests a second, of which half are on kept connections. */
export const RATE = 50;

/** As many requests as are under way at one moment: what an answer takes, times the rate, and the kept connections. */
export const IN_FLIGHT = 8;

/** A container that is killed is started again at once, and nobody can stand in for it meanwhile (s). */
export const BACK_AFTER_S = 2;

/** A caller that does not wait for so long (ms) sees a cut of 45 s as a failure; ours are as patient as most. */
const PATIENCE_MS = 60_000;

const NAME = 'tp-faults';

/** A service of two ports: one says who answers, the other sends back what it gets. */
const SERVER = `
  const hostname = require('node:os').hostname();
  const servers = [
    require('node:http').createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ hostname }));
    }).listen(8080),
    require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    }).listen(9090),
  ];
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));`;

const NODE_PLACE = [`${import.meta.dirname}/../cluster/cluster`, 'run', process.execPath];

const addressOf = async (service: string): Promise<string> =>
  (await kubectlJson<{ spec: { clusterIP: string } }>('get', 'service', service)).spec.clusterIP;

/** Starts a session, loads it, has the fault happen, and tells what came of it. What was left is removed by the next command. */
export async function experiment(fault: Fault): Promise<Outcome> {
  const before = await snapshot();
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-fault-'));
  const { relay, kubeconfig } = await Relay.begin(directory);
  const flags = ['--kubeconfig', kubeconfig, '--workload', 'deployment/servicename'];
  const tp = await Tp.session(
    [...flags, '--rm', '--name', NAME, 'node:24-slim', 'node', '-e', SERVER],
    /Service servicename-metrics is switched/,
  );
  try {
    const [service, metrics] = await Promise.all([
      addressOf('servicename'),
      addressOf('servicename-metrics'),
    ]);
    await tp.says(/Service servicename is switched/);
    const laptop = `tp-${tp.session}`;
    const proxyPod = async () =>
      (
        await kubectl(
          'get',
          'pods',
          '-l',
          `tp/session=${tp.session}`,
          '-o',
          'name',
          '--field-selector=status.phase=Running',
        )
      )
        .trim()
        .split('\n')
        .at(-1) ?? '';
    await untilSwitched(metrics);
    const stream = await OpenStream.begin(NODE_PLACE, metrics, 9090);
    const place = { command: NODE_PLACE };
    const load = await Load.start(`http://${service}/who`, RATE, { place, patienceMs: PATIENCE_MS });
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // so that a load is under way, on kept connections too
    const at = Date.now();
    const connectedAgain = async () => void (await tp.says(/connected again after/, 90_000));
    await fault.inject({ tp, relay, network: laptop, proxyPod, connectedAgain });
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    const [seen, became] = await Promise.all([load.stop(), stream.end()]);
    const cluster = await proxyStory(tp.session);
    if (fault.session === 'goes on') await tp.end('SIGINT');
    else await Promise.race([tp.exited, tp.end('SIGKILL')]);
    await new Tp(['leave', '--all']).exited;
    return {
      id: fault.id,
      what: fault.what,
      load: seen,
      stream: became,
      healthyAfter: healthyAfter(seen, at),
      left: await differences(before, fault.changes),
      said: `${tp.stderr}\n${cluster}`,
    };
  } finally {
    await tp.end('SIGKILL').catch(() => {});
    await relay[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
    await new Tp(['leave', '--all']).exited;
    await docker('rm', '-f', NAME).catch(() => {});
  }
}

/** What the cluster knows of the session's pods, and the last words of a proxy that ended in one: for a fault that is not borne. */
async function proxyStory(session: string): Promise<string> {
  const { items } = await kubectlJson<{
    items: { metadata: { name: string }; status: { containerStatuses?: Record<string, unknown>[] } }[];
  }>('get', 'pods', '-l', `tp/session=${session}`);
  const ended = await Promise.all(
    items.flatMap(({ metadata: { name }, status: { containerStatuses = [] } }) =>
      containerStatuses
        .filter(({ restartCount }) => restartCount !== 0)
        .map(async ({ name: container, restartCount, lastState }) => {
          const log = await kubectl('logs', '--previous', name, '-c', String(container)).catch(String);
          return `${name} ${container}: ${restartCount} restarts, ${JSON.stringify(lastState)}\n${log}`;
        }),
    ),
  );
  return ended.join('\n');
}

/** How long the load goes on after the fault (ms): nodes hear of endpoints within about a second. */
const AFTER_MS = 4_000;

/** kube-proxy hears of a switched Service within about a second; the stream is to lead to the laptop from the start. */
async function untilSwitched(address: string): Promise<void> {
  const script = `
    const net = require('node:net');
    const socket = net.connect(9090, process.argv[1]);
    socket.on('error', () => process.exit(1));
    socket.setTimeout(500, () => process.exit(1));
    socket.on('data', (chunk) => process.exit(chunk.toString() === 'echo' ? 0 : 1));
    socket.write('echo');`;
  const [program = '', ...args] = NODE_PLACE;
  let inARow = 0;
  await eventually(
    () =>
      new Promise<number>((resolve) => {
        spawn(program, [...args, '-e', script, '--', address], { stdio: 'ignore' }).on('close', (code) => {
          inARow = code === 0 ? inARow + 1 : 0;
          resolve(inARow);
        });
      }),
    (count) => count >= 5,
  );
}

function healthyAfter({ changes }: LoadResult, since: number): number | undefined {
  const after = changes.filter(({ at }) => at >= since);
  const last = after.at(-1) ?? changes.at(-1);
  if (!last?.host.startsWith('tp-')) return undefined;
  return after.length === 0 ? 0 : (last.at - since) / 1000;
}

/** What is not as it was before, by name. */
async function differences(before: Record<string, unknown>, changed = /^$/): Promise<string> {
  let found = '';
  try {
    await eventually(snapshot, (now) => {
      found = compare(before, now)
        .filter((path) => !changed.test(path))
        .join(', ');
      return found === '';
    });
  } catch {
    return found;
  }
  return '';
}

function compare(a: unknown, b: unknown, path = ''): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) =>
    compare(
      (a as Record<string, unknown>)[key],
      (b as Record<string, unknown>)[key],
      path ? `${path} / ${key}` : key,
    ),
  );
}
