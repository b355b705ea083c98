/**
 * The client of the bench, the same in a pod, in the laptop's container and on the host. It is bundled and given to
 * Node as a `data:` module, so that it can start itself once more as a worker, and gets its task as JSON in argv. Its
 * last line is the result as JSON, after which it kills itself. It ends when its stdin does. All times are of this process's clock.
 */
import { isMainThread, workerData } from 'node:worker_threads';
import type { Task } from '../task.ts';
import { download, upload } from './bulk.ts';
import { get } from './http.ts';
import { latency } from './latency.ts';
import { carryLoad, type LoadOptions } from './load.ts';
import { lookup } from './lookup.ts';
import { requestRate } from './request-rate.ts';
import { watch } from './watch.ts';

/** No task takes longer (ms): a hang is a failure that says so. */
const LIMIT_MS = 120_000;

async function perform(task: Task): Promise<unknown> {
  switch (task.task) {
    case 'download':
      return await download(task);
    case 'upload':
      return await upload(task);
    case 'latency':
      return await latency(task);
    case 'rate':
      return await requestRate(task);
    case 'lookup':
      return await lookup(task);
    case 'watch':
      return await watch(task);
  }
}

/** That it was the laptop which answered, and not an original pod. */
async function assertAnsweredBy(base: string, mark: string): Promise<void> {
  const { body } = await get(`${base}/env`, { agent: false });
  if (!body.includes(mark)) throw new Error(`${base} is not answered by ${mark}`);
}

function fail(why: string): void {
  // The module's address in a stack trace is its whole text.
  console.error(why.replaceAll(import.meta.url, 'client'));
  process.exit(1);
}

async function main(): Promise<void> {
  setTimeout(() => fail(`not done in ${LIMIT_MS} ms`), LIMIT_MS).unref();
  process.stdin.on('end', () => fail('nobody waits for the result')).resume();
  process.on('uncaughtException', (error) => fail(error.stack ?? error.message)); // the worker's, too
  const task = JSON.parse(process.argv[1] ?? '') as Task;
  const result = await perform(task);
  if (task.mark && task.task !== 'watch') await assertAnsweredBy(task.base, task.mark);
  console.log(JSON.stringify(result));
  // Not by process.exit(), which may wait for ever for V8's threads after so many buffers (nodejs/node issue 54918).
  process.kill(process.pid, 'SIGKILL');
}

if (isMainThread) await main().catch((error: Error) => fail(error.stack ?? error.message));
else await carryLoad(workerData as LoadOptions);
