import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { runtimeDirectory } from '../runtime-directory.ts';
import type { LiveReport } from './session-status.ts';

/**
 * By which a session's process is asked how it is: a Unix socket of its user's alone, beside the directory that is shared
 * with the network container and not in it. Whoever connects is sent one report as JSON.
 */
export const sessionSocket = (session: string, kind: ReportKind = 'status'): string =>
  join(runtimeDirectory(), `tp-${session}.${kind}`);

/** What a session's process can be asked for: how it is, and the pod's variables, each by a socket of its own. */
export type ReportKind = 'status' | 'environment';

const SOCKET_NAME = /^tp-([0-9a-f]{10})\.status$/;

/** Askers at a time; more are turned away. */
const MAX_ASKERS = 16;

/** A report may take this long (ms): one that does not come is of a process that is stopped. */
const REPORT_LIMIT_MS = 1_500;

/** The pod's variables may take 2 MiB, and JSON writes some characters as six; a report of hundreds of Services takes less (bytes). */
const MAX_REPORT_BYTES = 16 * 1024 * 1024;

/** No permission for anybody else, from the first moment on. */
const OWN_ONLY = 0o177;

/** Answers askers with `report`. Returns what ends that. A session without such a socket is as good, but for its status. */
export function serveReport(session: string, kind: ReportKind, report: () => Promise<unknown>): () => void {
  const askers = new Set<Socket>();
  const server = createServer((socket) => {
    askers.add(socket);
    socket.on('error', () => {}).on('close', () => askers.delete(socket)); // an asker may go as it likes
    socket.setTimeout(REPORT_LIMIT_MS, () => socket.destroy());
    socket.resume(); // nothing is expected
    report().then(
      (text) => socket.end(JSON.stringify(text)),
      () => socket.destroy(), // the session is ending
    );
  });
  server.maxConnections = MAX_ASKERS;
  server.on('error', () => {}); // a directory that takes no sockets, as on Windows
  const before = process.umask(OWN_ONLY);
  server.listen(sessionSocket(session, kind)); // the socket is made within this call
  process.umask(before);
  return () => {
    server.close();
    for (const socket of askers) socket.destroy();
  };
}

/** What a killed process has left. */
export function removeSockets(session: string): void {
  for (const kind of ['status', 'environment'] as const)
    rmSync(sessionSocket(session, kind), { force: true });
}

/** Sessions of this user whose processes can be asked, or could be before they were killed. */
export function sessionsWithSocket(): string[] {
  const user = process.getuid?.();
  // In a directory that others write to, too, only our own are believed.
  const isOwn = (name: string) =>
    user === undefined || lstatSync(join(runtimeDirectory(), name)).uid === user;
  try {
    return readdirSync(runtimeDirectory()).flatMap((name) => {
      const session = SOCKET_NAME.exec(name)?.[1];
      return session !== undefined && isOwn(name) ? [session] : [];
    });
  } catch {
    return []; // there is no such directory, or a session has just ended
  }
}

/** What the session's process says; undefined where it has ended, or does not answer in time. */
export const askSession = (session: string): Promise<LiveReport | undefined> =>
  ask<LiveReport>(session, 'status');

/** The pod's variables as the session's container has them; undefined as for `askSession`. */
export const askEnvironment = (session: string): Promise<Record<string, string> | undefined> =>
  ask<Record<string, string>>(session, 'environment');

async function ask<T>(session: string, kind: ReportKind): Promise<T | undefined> {
  const socket = connect(sessionSocket(session, kind));
  const timer = setTimeout(() => socket.destroy(new Error('no report in time')), REPORT_LIMIT_MS);
  try {
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) {
      text += chunk as string;
      if (text.length > MAX_REPORT_BYTES) return undefined;
    }
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
