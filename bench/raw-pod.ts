import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { apply, kubectl } from '../test/e2e/harness/cluster.ts';
import { bundle } from './bundle.ts';
import { RAW_LIMIT_MS, RAW_PORT, type RawTask } from './raw/protocol.ts';
import type { BulkResult } from './task.ts';

/** The limit of the way through the API server: one stream to a pod of the bench that does nothing but send and sum. */

const NAME = 'tp-bench-raw';
const NAMESPACE = 'default';
const CLIENT = `${import.meta.dirname}/raw/client.ts`;

/** The pod is there by then, and gone by then. */
const LIMIT = '--timeout=60s';

export class RawPod implements AsyncDisposable {
  /** One of a run that was killed is replaced. */
  static async begin(): Promise<RawPod> {
    await remove();
    const pod = new RawPod();
    try {
      await apply(JSON.stringify(manifest(await bundle('raw/sender.ts'))));
      await kubectl('wait', '-n', NAMESPACE, `pod/${NAME}`, '--for=condition=Ready', LIMIT);
    } catch (error) {
      await remove();
      throw error;
    }
    return pod;
  }

  /** One transfer on a stream of its own, by a process of its own. */
  async transfer(task: RawTask, kubeconfig: string): Promise<BulkResult> {
    const args = [CLIENT, kubeconfig, NAMESPACE, NAME, JSON.stringify(task)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: RAW_LIMIT_MS });
    return JSON.parse(stdout) as BulkResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await remove();
  }
}

const remove = () => kubectl('delete', 'pod', NAME, '-n', NAMESPACE, '--ignore-not-found', '--wait', LIMIT);

/** It is ready when it listens: a stream to a port where nobody does is refused. */
const manifest = (script: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: NAME, namespace: NAMESPACE },
  spec: {
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'sender',
        image: 'node:24-slim',
        imagePullPolicy: 'IfNotPresent',
        command: ['node', '--input-type=module', '-e', script],
        readinessProbe: { exec: { command: ['node', '-e', PROBE] }, periodSeconds: 1 },
      },
    ],
  },
});

const PROBE = `require('node:net').connect(${RAW_PORT}).on('connect', () => process.exit()).on('error', () => process.exit(1))`;
