import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconfig } from '../test/e2e/harness/cluster.ts';
import { apiServer, kubeconfigThrough } from '../test/e2e/harness/relay.ts';
import { DelayRelay } from './relay.ts';
import type { Link } from './ways.ts';

/** A way to the API server: its kubeconfig, for as long as it is open. */
export interface OpenedLink extends AsyncDisposable {
  kubeconfig: string;
}

/** The link as it is, or with a relay that delays. Throws where the API server is not of this machine. */
export async function openLink(link: Link): Promise<OpenedLink> {
  if (link === 0) return { kubeconfig, async [Symbol.asyncDispose]() {} };
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'bench-link-'));
  cleanup.defer(() => rm(directory, { recursive: true }));
  const { hostname, port } = apiServer();
  const relay = cleanup.use(await DelayRelay.begin(link, hostname, port));
  const file = kubeconfigThrough(relay.port, directory);
  const opened = cleanup.move();
  return { kubeconfig: file, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
