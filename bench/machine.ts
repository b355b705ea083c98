import { execFile } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { embedded, kubectl } from '../test/e2e/harness/cluster.ts';

/** On what the figures were measured: without it they say nothing. */
export interface Machine {
  date: string;
  cores: number;
  processor: string;
  memoryGib: number;
  kernel: string;
  docker: string;
  kubernetes: string;
  node: string;
}

const run = promisify(execFile);

export async function describeMachine(): Promise<Machine> {
  const docker = await run('docker', ['version', '--format', '{{.Server.Version}}']);
  const version = await kubectl('get', '--raw', '/version');
  const { major, minor, gitVersion } = JSON.parse(version) as {
    major: string;
    minor: string;
    gitVersion: string;
  };
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: processors.length,
    processor: processors[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    docker: docker.stdout.trim(),
    kubernetes: embedded ? `${major}.${minor}, embedded on the same machine` : (gitVersion ?? 'unknown'),
    node: process.version,
  };
}

export function machineLine(machine: Machine): string {
  const { date, cores, processor, memoryGib, kernel, docker, kubernetes, node } = machine;
  return `${date}; ${cores} cores (${processor}), ${memoryGib} GiB, Linux ${kernel}, Docker ${docker}, Kubernetes ${kubernetes}, Node ${node}`;
}
