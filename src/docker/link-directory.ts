import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { LINK_SOCKET } from '../../images/network/messages.ts';
import { runtimeDirectory } from '../runtime-directory.ts';

/**
 * A directory that the CLI and the network container share where Docker runs on the same Linux: the agent's socket
 * lies in it, and a link through it costs neither dockerd nor a process in between. Its user's alone.
 */
export const linkDirectory = (session: string): string => join(runtimeDirectory(), `tp-${session}`);

/** Makes the directory. Undefined where Docker cannot be on this machine, going by its address. */
export function makeLinkDirectory(session: string, dockerHost: string): string | undefined {
  if (process.platform !== 'linux' || !dockerHost.startsWith('unix:')) return undefined;
  const directory = linkDirectory(session);
  mkdirSync(directory, { mode: 0o700 }); // not recursive: one that is there already is not ours
  return directory;
}

export function removeLinkDirectory(session: string): void {
  rmSync(linkDirectory(session), { recursive: true, force: true });
}

/** Connects to the agent's socket; undefined where the directory is shared only in name, as with Docker in a VM. */
export async function connectToAgent(directory: string): Promise<Socket | undefined> {
  const socket = connect({ path: join(directory, LINK_SOCKET) });
  try {
    await once(socket, 'connect');
    socket.on('error', () => {}); // 'close' follows, and ends the link
    return socket;
  } catch {
    return undefined; // the way through Docker's API remains
  }
}
