import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';

/** The one key that marks all that belongs to a session, in Docker and in the cluster, and that a selector is given. */
export const SESSION = 'tp/session';

/** Who holds a session; on objects of both sides, so that any machine can say whose it is and this one whether it lives. */
export const OWNER = 'tp/owner';

/** Where a Docker object's session stands in a cluster, so that it can be undone from there. */
export const CONTEXT = 'tp/context';
export const NAMESPACE = 'tp/namespace';

/** The name under which others join a held session. */
export const HELD = 'tp/held';

/** Which Service a session's objects stand for, for lists. */
export const WORKLOAD = 'tp/workload';

/** Marks the guardian's objects with the session whose lease it watches: apart from SESSION, by which Services find the proxy. */
export const GUARDED = 'tp/guarded';

/** A session's id: a DNS label that is short enough to stand in names. */
export const newSessionId = (): string => randomBytes(5).toString('hex');

export interface Owner {
  user: string;
  host: string;
  /** Tells machines apart without naming them. */
  machine: string;
  pid: number;
  /** When the process started, so that a reused pid is not taken for it. */
  started: string;
}

/** This process as an owner. */
export function ownOwner(): Owner {
  const { pid } = process;
  return {
    user: userInfo().username,
    host: hostname(),
    machine: machineId(),
    pid,
    started: startOf(pid) ?? '',
  };
}

/** Whether the session's process may still live: yes for every other machine's, which we cannot know. */
export function mayLive(owner: Owner | undefined): boolean {
  if (!owner || owner.machine !== machineId()) return owner !== undefined;
  return startOf(owner.pid) === owner.started;
}

export function readOwner(text: string | undefined): Owner | undefined {
  try {
    const owner = JSON.parse(text ?? '') as Partial<Owner> | null;
    return typeof owner?.pid === 'number' && owner.machine ? (owner as Owner) : undefined;
  } catch {
    return undefined; // not ours, or damaged: of unknown owner
  }
}

function machineId(): string {
  return (
    createHash('sha256')
      // The name too: containers and virtual machines made from one image may share an id, or have an empty one.
      .update(`tp/${readFirst('/etc/machine-id') ?? ''}/${hostname()}`)
      .digest('hex')
      .slice(0, 12)
  );
}

/** A process's start: with the boot, as both begin anew after a reboot. Undefined where there is no such process. */
function startOf(pid: number): string | undefined {
  const stat = readFirst(`/proc/${pid}/stat`);
  if (stat === undefined) return process.platform === 'linux' || !alive(pid) ? undefined : 'unknown';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z') return undefined; // it has ended, and its parent takes its time to hear of it
  const ticks = fields[19]; // field 22 of proc(5)
  return `${readFirst('/proc/sys/kernel/random/boot_id')?.slice(0, 8)}-${ticks}`;
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function readFirst(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The labels of all Docker objects of a session. */
export const dockerLabels = (
  session: string,
  owner: Owner,
  place: { context: string; namespace: string },
): Record<string, string> => ({
  [SESSION]: session,
  [OWNER]: JSON.stringify(owner),
  [CONTEXT]: place.context,
  [NAMESPACE]: place.namespace,
});
