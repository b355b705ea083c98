import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { Cluster } from '../cluster/client.ts';
import { kubeconfigSecrets } from '../cluster/kubeconfig-secrets.ts';
import { proxyLog } from '../cluster/proxy-log.ts';
import { readSessionObjects, type SessionObjects } from '../cluster/session-objects.ts';
import type { Settings } from '../config-file.ts';
import { type ArchiveFile, writeArchive } from '../docker/archive.ts';
import type { Docker } from '../docker/connect.ts';
import { agentLog } from '../docker/network-log.ts';
import { type InspectedSession, inspectSession } from '../docker/session-inspect.ts';
import { TpError } from '../errors.ts';
import { findSessions } from '../leave.ts';
import type { LogLine } from '../log-lines.ts';
import { Scrubber, valuesOf } from '../scrubber.ts';
import type { Diagnosis } from './doctor.ts';
import { failureOf } from './finding.ts';
import { settingsText } from './settings.ts';

/** What is passed on to whoever is to help: what was found, and the sessions of the namespace, without secrets. */
export interface BundleRequest extends Pick<Diagnosis, 'findings' | 'versions'> {
  cluster: Cluster | undefined;
  docker: Docker | undefined;
  settings: Settings;
  kubeconfig: string | undefined;
}

/** Of each log this many lines are enough, the last ones. */
const MAX_LINES = 10_000;

/** The file's name where none is given, by the time in UTC. */
export const bundleName = (now: Date): string =>
  `tp-bundle-${now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}.tar.gz`;

/** Refuses a file that is there, before anything is looked at. Throws TpError. */
export function refuseExisting(path: string): void {
  if (existsSync(path)) throw unwritable(path, 'it is there already');
}

/** Writes the archive; where that fails, no part of it stays. Throws TpError. */
export async function writeBundle(path: string, request: BundleRequest): Promise<void> {
  const files = await bundleFiles(request);
  const file = await open(path, 'wx', 0o600).catch((cause: Error) => {
    throw unwritable(path, cause.message, cause);
  });
  try {
    await writeArchive(files, file.createWriteStream());
  } catch (cause) {
    await rm(path, { force: true });
    throw unwritable(path, (cause as Error).message, cause);
  }
}

const unwritable = (path: string, why: string, cause?: unknown) =>
  new TpError('TP_BUNDLE', `${path} cannot be written: ${why}`, {
    hint: 'tp doctor --bundle OTHER.tar.gz',
    cause,
  });

/** The archive's files. What cannot be read is said in its place. */
export async function bundleFiles(request: BundleRequest): Promise<ArchiveFile[]> {
  const { findings, versions, cluster, docker, settings, kubeconfig } = request;
  const missing: Record<string, string> = {};
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> =>
    await work().catch((error: unknown) => {
      missing[what] = failureOf(error).message;
      return undefined;
    });
  const objects = cluster && (await attempt('objects', () => readSessionObjects(cluster)));
  const sessions = (await attempt('sessions', () => findSessions(docker, cluster))) ?? [];
  const inspected = new Map<string, InspectedSession>();
  const logs: ArchiveFile[] = [];
  for (const { session } of sessions) {
    const found = docker && (await attempt(`${session}/container`, () => inspectSession(docker, session)));
    if (found) inspected.set(session, found);
    const reading = { follow: false, signal: new AbortController().signal };
    const read = async (part: string, lines: AsyncIterable<LogLine> | undefined) => {
      const text = lines && (await attempt(`${session}/${part}.log`, () => lastLines(lines)));
      if (text !== undefined) logs.push({ name: `sessions/${session}/${part}.log`, text });
    };
    await read('agent', docker && agentLog(docker, session, reading));
    await read('proxy', cluster && proxyLog(cluster, session, reading));
  }
  const environments = [...inspected.values()].flatMap(({ environment }) => valuesOf(environment));
  const ofSettings = (settings['docker-flags'] as string[] | undefined) ?? [];
  const secrets = [
    ...kubeconfigSecrets(kubeconfig, process.env),
    ...environments,
    ...(objects?.secrets ?? []),
    ...valuesOf(ofSettings),
  ];
  const names = sessions.flatMap(({ session, workload = '', owner }) => [
    session,
    ...workload.split('/'),
    ...Object.values(owner ?? {}).map(String),
  ]);
  const { namespace = '', context = '' } = cluster ?? {};
  const scrubber = new Scrubber(secrets, [...names, ...(objects?.names ?? []), namespace, context]);
  const json = (name: string, value: unknown): ArchiveFile => ({
    name,
    text: `${JSON.stringify(scrubber.value(value), undefined, 2)}\n`,
  });
  return [
    json('doctor.json', { findings }),
    json('versions.json', versions),
    { name: 'tp.yaml', text: scrubber.text(settingsText(settings)) },
    ...(objects ? objectFiles(objects).map(([name, value]) => json(name, value)) : []),
    ...[...inspected].map(([session, { container }]) =>
      json(`sessions/${session}/container.json`, container ?? null),
    ),
    ...logs.map(({ name, text }) => ({ name, text: scrubber.text(text) })),
    json('missing.json', missing),
  ];
}

const objectFiles = ({ secrets: _secrets, names: _names, ...kinds }: SessionObjects): [string, unknown][] =>
  Object.entries(kinds).map(([kind, objects]) => [
    `cluster/${kind}.json`,
    objects ?? 'this login may not list them',
  ]);

async function lastLines(lines: AsyncIterable<LogLine>): Promise<string> {
  const texts: string[] = [];
  for await (const { time, text } of lines) {
    texts.push(`${time} ${text}\n`);
    if (texts.length > MAX_LINES) texts.shift();
  }
  return texts.join('');
}
