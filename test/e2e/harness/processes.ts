import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { kubectl } from './cluster.ts';
import { docker } from './container.ts';
import type { Tp } from './tp.ts';

/** The three processes of a session as the host of the embedded cluster and of its own Docker sees them. */

/** The agent's, in the network container. */
export async function agentPid(session: string): Promise<number> {
  const processes = (await docker('top', `tp-${session}`, '-eo', 'pid,args')).split('\n');
  const own = processes.find((line) => line.includes('/opt/tp/agent.cjs'));
  if (!own) throw new Error(`no agent among ${processes.join('\n')}`);
  return Number.parseInt(own, 10);
}

/** The proxy's, in the session's pod. */
export async function proxyPid(session: string): Promise<number> {
  const pods = ['get', 'pods', '-A', '-l', `tp/session=${session}`];
  const uid = await kubectl(...pods, '-o', 'jsonpath={.items[0].metadata.uid}');
  const { stdout } = await promisify(execFile)('pgrep', ['--full', 'node /tp-proxy/proxy.mjs']);
  const pids = stdout.trim().split('\n').map(Number);
  const own = pids.find((pid) =>
    readFileSync(`/proc/${pid}/cgroup`, 'utf8').replaceAll('_', '-').includes(uid),
  );
  if (!own) throw new Error(`${uid} is not among ${pids}`);
  return own;
}

export const PARTS = ['CLI', 'agent', 'proxy'] as const;
export type Part = (typeof PARTS)[number];

/** Bytes of each. */
export type Memory = Record<Part, number>;

/** The resident memory of a session's processes, as the kernel counts it. */
export class MemoryOf {
  readonly pids: Readonly<Record<Part, number>>;

  private constructor(pids: Record<Part, number>) {
    this.pids = pids;
  }

  static async session({ child, session }: Tp): Promise<MemoryOf> {
    if (child.pid === undefined) throw new Error('tp has no process');
    return new MemoryOf({
      CLI: child.pid,
      agent: await agentPid(session),
      proxy: await proxyPid(session),
    });
  }

  /** Has the peak count from now on. Needs root. */
  forgetPeak(): void {
    // kernel: Documentation/filesystems/proc.rst: 5 resets the peak resident set size.
    for (const part of PARTS) writeFileSync(`/proc/${this.pids[part]}/clear_refs`, '5');
  }

  /** What each has now. Throws when one is not the same process any more. */
  now(): Memory {
    return this.#read('VmRSS');
  }

  peak(): Memory {
    return this.#read('VmHWM');
  }

  #read(field: string): Memory {
    const of = (part: Part) => {
      const status = readFileSync(`/proc/${this.pids[part]}/status`, 'utf8');
      const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
      if (kib === undefined) throw new Error(`the ${part} has ended`);
      return Number(kib) * 1024;
    };
    return { CLI: of('CLI'), agent: of('agent'), proxy: of('proxy') };
  }
}
