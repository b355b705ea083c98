import { setTimeout as sleep } from 'node:timers/promises';
import { kubectlJson } from '../e2e/harness/cluster.ts';
import { eventually } from '../e2e/harness/eventually.ts';
import { Load } from '../e2e/harness/load.ts';
import { snapshot } from '../e2e/harness/snapshot.ts';
import { Tp } from '../e2e/harness/tp.ts';
import { type Expected, type Outcome, PATIENCE_MS, RATE } from './experiment.ts';
import { differences } from './left-behind.ts';
import { addressOf, NODE_PLACE } from './service.ts';

/** `kill -9` of the CLI at each moment of its start and of its end, all under one load. */

/** It says when it was told to end, and who answers. */
const IMAGE = 'examplecom/servicename';

/** One moment of a session: resolves when it has come. */
type Moment = (tp: Tp) => Promise<unknown>;

export interface Moments extends Expected {
  moments: readonly Moment[];
}

const says =
  (pattern: RegExp): Moment =>
  (tp) =>
    tp.says(pattern);

/** Whether the Service leads to a session. */
const isTaken = async (): Promise<boolean> => {
  const { spec } = await kubectlJson<{ spec: { selector: object } }>('get', 'service', 'servicename');
  return 'tp/session' in spec.selector;
};

/** So that the laptop has requests to answer when it is told to end (ms). */
const LOADED_MS = 1_000;

const ending =
  (then: Moment): Moment =>
  async (tp) => {
    await tp.says(/Service servicename is switched/);
    await tp.says(/Service servicename-metrics is switched/);
    await tp.says(/first request from/);
    await sleep(LOADED_MS);
    tp.child.kill('SIGINT');
    await then(tp);
  };

const kills = { stream: 'none', session: 'ends' } as const;

export const MOMENTS: readonly Moments[] = [
  {
    id: 'cli-starting',
    what: '`kill -9` of the CLI at each of five moments before a Service leads to it',
    ...kills,
    failed: 'none',
    moments: [
      says(/proxy pod: the pod to be made/),
      says(/pod \S+: (Pending|ContainerCreating)/),
      says(/network container: the agent/),
      says(/the proxy in|✓ proxy pod/),
      says(/listening on 8080/),
    ],
  },
  {
    id: 'cli-ending',
    what: '`kill -9` of the CLI at each of seven moments from the first switched Service to its end',
    ...kills,
    failed: 'in flight',
    moments: [
      says(/Service servicename(-metrics)? is switched/),
      says(/first request from/),
      ending(async () => {}),
      ending(() => eventually(isTaken, (taken) => !taken)),
      ending(says(/SIGINT: finishing/)),
      ending(says(/removing the proxy: /)),
      ending(says(/✓ removing the proxy/)),
    ],
  },
];

/** Callers go on for so long (ms) with what is left, before the next command. */
const LEFT_MS = 3_000;

/** Kills a session at each moment; the next command is to put everything back each time. */
export async function killAtEach({ id, what, moments }: Moments): Promise<Outcome> {
  const before = await snapshot();
  const url = `http://${await addressOf('servicename')}/who`;
  const load = await Load.start(url, RATE, { place: { command: NODE_PLACE }, patienceMs: PATIENCE_MS });
  let left = '';
  let said = '';
  for (const moment of moments) {
    const tp = new Tp(['docker-run', IMAGE]);
    try {
      await moment(tp);
    } finally {
      await tp.end('SIGKILL');
      said += `${tp.stderr}--- killed\n`;
    }
    await sleep(LEFT_MS);
    const leave = new Tp(['leave']);
    const code = await leave.exited;
    if (code !== 0) throw new Error(`tp leave: exit ${code}\n${leave.stderr}`);
    left += await differences(before);
  }
  return { id, what, load: await load.stop(), healthyAfter: undefined, left, said };
}
