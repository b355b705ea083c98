import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { runtimeDirectory } from '../runtime-directory.ts';
import type { LiveReport } from './session-status.ts';

/**
 * By which a session's process is asked how it is: a Unix socket of its user's alone, beside the directory that is shared
 * with the network container and not in it. Whoever connects is sent one report as JSON.
 */
export const statusSocket = (session: string): string => join(runtimeDirectory(), `tp-${session}.status`);

const SOCKET_NAME = /^tp-([0-9a-f]{10})\.status$/;

/** Askers at a time; more are turned away. */
const MAX_ASKERS = 16;

/** A report may take this long (ms): one that does not come is of a process that is stopped. */
const REPORT_LIMIT_MS = 1_500;

/** A report with hundreds of Services and ports is smaller (bytes). */
const MAX_REPORT_BYTES = 256 * 1024;

/** No permission for anybody else, from the first moment on. */
const OWN_ONLY = 0o177;

/** Answers askers with `report`. Returns what ends that. A session without such a socket is as good, but for its status. */
export function serveStatus(session: string, report: () => Promise<LiveReport>): () => void {
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
  server.listen(statusSocket(session)); // the socket is made within this call
  process.umask(before);
  return () => {
    server.close();
    for (const socket of askers) socket.destroy();
  };
}

/** What a killed process has left. */
export function removeStatusSocket(session: string): void {
  rmSync(statusSocket(session), { force: true });
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
export async function askSession(session: string): Promise<LiveReport | undefined> {
  const socket = connect(statusSocket(session));
  const timer = setTimeout(() => socket.destroy(new Error('no report in time')), REPORT_LIMIT_MS);
  try {
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) {
      text += chunk as string;
      if (text.length > MAX_REPORT_BYTES) return undefined;
    }
    return JSON.parse(text) as LiveReport;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
