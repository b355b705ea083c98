import { setTimeout as sleep } from 'node:timers/promises';
import { OWN_FAILURE } from '../../src/error-codes.ts';
import { show } from '../e2e/harness/cluster.ts';
import type { Fault } from './experiment.ts';

const CLUSTER = `${import.meta.dirname}/../cluster/cluster`;

/** Longer than the original pods may take to answer (ms). */
const AWAY_MS = 5_000;

/** The connections of a container that cannot be ended are not waited for until the end of the pod's grace, a minute (ms). */
const END_LIMIT_MS = 30_000;

/** What the session ends with: why, and what there is left to do. */
const LAST_WORDS =
  /^tp: Docker does not answer at \S+: .* \[TP_NO_DOCKER\]\n.*\ntp: containers of the session stay in Docker \[TP_NO_DOCKER\]\n {2}tp leave .*\n$/;

/** The test cluster has a containerd of its own: it loses nothing. */
export const DOCKERD: Fault = {
  id: 'dockerd',
  what: 'dockerd is killed, and started again',
  failed: 'in flight',
  stream: 'ends',
  session: 'ends',
  changes: /^docker \/ networks \//, // Docker makes its own bridge anew; tp makes none
  async inject({ tp }) {
    await show(CLUSTER, 'crash', 'dockerd');
    await sleep(AWAY_MS);
    const last = await tp.says(/^tp: [\s\S]*$/m, END_LIMIT_MS);
    if (!LAST_WORDS.test(last[0])) throw new Error(`the session does not say why it ends: ${last[0]}`);
    await show(CLUSTER, 'up');
    if ((await tp.exited) !== OWN_FAILURE) throw new Error('the session has ended with another code');
  },
};
