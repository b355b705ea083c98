import { kubectl } from '../e2e/harness/cluster.ts';
import type { Tp } from '../e2e/harness/tp.ts';

const REMOVE_KEY = '[{"op":"remove","path":"/spec/selector/tp~1session"}]';

/** Somebody puts the Service's selector back; waits until the session has taken it again. */
export async function putSelectorBack(tp: Tp): Promise<void> {
  await kubectl('patch', 'service', 'servicename', '--type=json', '-p', REMOVE_KEY);
  await tp.says(/was put back by someone else/);
}
