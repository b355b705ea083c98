import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { json } from 'node:stream/consumers';
import type { GuardianConfig } from './config.ts';
import type { Powers } from './guard.ts';

/** Where a pod finds its service account: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** An API server that is silent for so long (ms) is asked again later. */
const TIMEOUT_MS = 5_000;

const NOT_FOUND = 404;
const CONFLICT = 409;

interface Reply {
  status: number;
  body: { message?: string; metadata?: { resourceVersion?: string }; spec?: Record<string, unknown> };
}

/** The few requests that the guardian makes, with its pod's service account. The CLI's client library would be a ConfigMap too large. */
export function clusterPowers(config: GuardianConfig): Powers & { check(): Promise<void> } {
  const namespace = readFileSync(`${ACCOUNT}/namespace`, 'utf8');
  const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${config.lease}`;
  const scale = `/apis/apps/v1/namespaces/${namespace}/${config.resource}/${config.name}/scale`;
  return {
    async lease() {
      const { status, body } = await ask('GET', lease);
      if (status === NOT_FOUND) return undefined;
      const {
        holderIdentity = '',
        renewTime = '',
        leaseDurationSeconds = 0,
      } = allowed(status, body).spec ?? {};
      return {
        holder: String(holderIdentity),
        renewed: String(renewTime),
        durationMs: Number(leaseDurationSeconds) * 1000,
        version: body.metadata?.resourceVersion ?? '',
      };
    },
    async handOver(holder, version) {
      const { status, body } = await ask('PATCH', lease, 'merge-patch', {
        metadata: { resourceVersion: version },
        spec: { holderIdentity: holder },
      });
      if (status !== CONFLICT && status !== NOT_FOUND) allowed(status, body);
    },
    async scaleBack() {
      const now = await ask('GET', scale);
      if (now.status === NOT_FOUND) return;
      const { metadata, spec } = allowed(now.status, now.body);
      if (Number(spec?.replicas ?? 0) !== 0) return; // a zero is left out
      const { status, body } = await ask('PATCH', scale, 'merge-patch', {
        metadata: { resourceVersion: metadata?.resourceVersion },
        spec: { replicas: config.replicas },
      });
      if (status !== NOT_FOUND) allowed(status, body);
    },
    async check() {
      const { status, body } = await ask('PATCH', `${scale}?dryRun=All`, 'merge-patch', {
        spec: { replicas: config.replicas },
      });
      allowed(status, body);
    },
  };
}

function allowed(status: number, body: Reply['body']): Reply['body'] {
  if (status >= 200 && status < 300) return body;
  throw new Error(`HTTP ${status}: ${body.message ?? 'no reason given'}`);
}

async function ask(method: string, path: string, patch?: 'merge-patch', body?: unknown): Promise<Reply> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  // Read each time: the node renews the token.
  const token = readFileSync(`${ACCOUNT}/token`, 'utf8');
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    ...(patch && { 'content-type': `application/${patch}+json` }),
  };
  const ca = readFileSync(`${ACCOUNT}/ca.crt`);
  const options = { host, port, method, path, headers, ca, signal: AbortSignal.timeout(TIMEOUT_MS) };
  return await new Promise((resolve, reject) => {
    request(options, (response) => {
      json(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, body: answer as Reply['body'] }),
        reject,
      );
    })
      .on('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });
}
