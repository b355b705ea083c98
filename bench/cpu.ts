import { readdirSync, readFileSync } from 'node:fs';

/** The CPU time of processes, from /proc: of all their threads, in user and in kernel mode. */

/** USER_HZ, which is 100 on all that Linux runs on. */
const TICKS_PER_SECOND = 100;

/** The parts that are not a session's own, by what is in their command lines. */
const SHARED = {
  dockerd: /^(\S*\/)?dockerd\b/,
  'API server': /\bkube-apiserver\b/,
  kubelet: /\bkubelet\b/,
  'node’s containerd': /^(\S*\/)?containerd\b.*tpcluster/,
} as const;

export type CpuTimes = Record<string, number>;

/** Which processes are which part. A part that is elsewhere is left out. */
export function sharedParts(): Record<string, number[]> {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), line: commandLine(Number(name)) }));
  const found = Object.entries(SHARED).map(([part, pattern]) => {
    const pids = lines.filter(({ line }) => pattern.test(line)).map(({ pid }) => pid);
    return [part, pids] as const;
  });
  return Object.fromEntries(found.filter(([, pids]) => pids.length > 0));
}

function commandLine(pid: number): string {
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
