import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { HELD, SESSION } from '../labels.ts';
import { isAfter, type LogLine, type LogReading, timedLines } from '../log-lines.ts';
import { Demultiplexer } from './demux.ts';
import { exists } from './exists.ts';

/** A log that ended is looked after again this often (ms): Docker restarts, or takes a moment to remove the container. */
const RETURN_POLL_MS = 500;

/** The session's network container; undefined where there is none. Others of the session have the same labels. */
export async function findNetworkContainer(
  docker: Dockerode,
  session: string,
): Promise<Dockerode.Container | undefined> {
  const filters = { label: [`${SESSION}=${session}`] };
  const all = await docker.listContainers({ all: true, filters });
  const own = all.find(({ Names, Labels }) => Names.includes(`/${Labels[HELD] ?? `tp-${session}`}`));
  return own && docker.getContainer(own.Id);
}

/** The agent's log. Followed, it ends when the container is gone. Throws what the Docker API throws. */
export async function* agentLog(
  docker: Dockerode,
  session: string,
  { follow, signal }: LogReading,
): AsyncGenerator<LogLine> {
  const container = await findNetworkContainer(docker, session);
  let last: string | undefined;
  while (container && !signal.aborted) {
    for await (const line of timedLines(output(container, { follow, last, signal }))) {
      if (!isAfter(line, last)) continue;
      last = line.time;
      yield line;
    }
    if (!follow || signal.aborted || !(await runs(container))) return;
    await delay(RETURN_POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/** What the container's first process wrote, a chunk at a time. */
async function* output(
  container: Dockerode.Container,
  { follow, last, signal }: LogReading & { last: string | undefined },
): AsyncGenerator<Buffer> {
  const since = last === undefined ? 0 : Math.floor(Date.parse(last) / 1000);
  const wanted = { stdout: true, stderr: true, timestamps: true, since } as const;
  const demultiplexer = new Demultiplexer();
  if (!follow) {
    for (const { bytes } of demultiplexer.push(await container.logs({ ...wanted, follow }))) yield bytes;
    return;
  }
  const stream = (await container.logs({ ...wanted, follow })) as Readable;
  const end = () => stream.destroy();
  signal.addEventListener('abort', end, { once: true });
  try {
    for await (const chunk of stream)
      for (const { bytes } of demultiplexer.push(chunk as Buffer)) yield bytes;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    stream.destroy();
  }
}

async function runs(container: Dockerode.Container): Promise<boolean> {
  const inspected = container.inspect();
  return (await exists(inspected)) && (await inspected).State.Running;
}
