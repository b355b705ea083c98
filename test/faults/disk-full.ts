import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { remoteDocker } from '../e2e/harness/remote-docker.ts';
import { dockerObjects } from '../e2e/harness/snapshot.ts';
import { Tp } from '../e2e/harness/tp.ts';
import type { Fault } from './experiment.ts';

/** A disk for one image of Node, the network image and their containers (MiB). */
const DISK_MIB = 1_500;

/** How long nothing can be written (ms): longer than everything that the session does every now and then. */
const FULL_MS = 15_000;

/** Writes until nothing more fits, a page at last. */
const FILL = `
  const fs = require('node:fs');
  const file = fs.openSync('/filler', 'w');
  for (const bytes of [1 << 20, 1 << 12])
    try {
      for (;;) fs.writeSync(file, Buffer.alloc(bytes));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }`;

/** The second Docker: the host's disk is not the test's. */
export const DISK_FULL: Fault = {
  id: 'disk-full',
  what: "Docker's disk is full, and stays so until after the end",
  failed: 'none',
  stream: 'survives',
  session: 'goes on',
  async prepare() {
    const machine = await remoteDocker(DISK_MIB);
    await machine.load('node:24-slim');
    const before = await dockerObjects(machine.tls);
    const undo = async () => {
      try {
        assert.deepEqual(await dockerObjects(machine.tls), before, 'left in the Docker whose disk is full');
      } finally {
        await machine[Symbol.asyncDispose]();
      }
    };
    return { env: machine.tls, undo };
  },
  async inject({ begins, ...run }) {
    const env = { ...process.env, ...run.env };
    begins();
    await promisify(execFile)('docker', ['exec', '--user', '0', 'tp-faults', 'node', '-e', FILL], { env });
    await sleep(FULL_MS);
    const second = new Tp(['docker-run', '--no-workload', 'node:24-slim', 'true'], { env });
    await second.exited;
    assert.match(second.stderr, /no space left on device/);
    assert.match(second.stderr, /\[TP_DOCKER(_CREATE)?\]/);
  },
};
