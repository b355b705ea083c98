import { readdirSync, readFileSync } from 'node:fs';

/** The CPU time of processes, from /proc: of all their threads, in user and in kernel mode. */

/** USER_HZ, which is 100 on all that Linux runs on. */
const TICKS_PER_SECOND = 100;

/**
 * The parts that are not a session's own, by what their command lines begin with: the embedded cluster's are all one program,
 * whose first argument says which. Others have such names among their arguments (`--kubelet-client-key`).
 */
const SHARED = {
  dockerd: /^(\S*\/)?dockerd /,
  'API server': /^(\S*\/kubenode )?(\S*\/)?kube-apiserver /,
  kubelet: /^(\S*\/kubenode )?(\S*\/)?kubelet /,
  'node’s containerd': /^(\S*\/)?containerd .*tpcluster/,
} as const;

export type CpuTimes = Record<string, number>;

/** Which processes are which part. A part that is elsewhere is left out. */
export function sharedParts(): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const name of readdirSync('/proc')) {
    const part = /^\d+$/.test(name) && sharedPart(commandLine(name));
    if (part) found[part] = [...(found[part] ?? []), Number(name)];
  }
  return found;
}

/** Which part a process with this command line is, its arguments parted by spaces; undefined for any other. */
export function sharedPart(line: string): string | undefined {
  return Object.entries(SHARED).find(([, pattern]) => pattern.test(line))?.[0];
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended meanwhile
  }
}

/** What `parts` have used since they began (s). Throws where one has ended: its share would be missing. */
export function cpuTimes(parts: Readonly<Record<string, readonly number[]>>): CpuTimes {
  const times = Object.entries(parts).map(([part, pids]) => {
    const ticks = pids.map((pid) => parseTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')));
    return [part, ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND] as const;
  });
  return Object.fromEntries(times);
}

/** utime and stime of a line of /proc/PID/stat; a process's name may contain anything. (man 5 proc) */
export function parseTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
