import { basename } from 'node:path';
import type { UserEntry } from '../cluster/kubeconfig.ts';
import { runQuietly } from './quiet-process.ts';

/**
 * Login plugins that only read what an earlier login left, and otherwise fail. Others may open a browser, which no
 * pressing of Tab should do, unless the kubeconfig says that they never ask (`interactiveMode: Never`).
 */
const SILENT_PLUGINS: ReadonlySet<string> = new Set([
  'aws',
  'aws-iam-authenticator',
  'gke-gcloud-auth-plugin',
]);

interface Credential {
  status?: { token?: string; clientCertificateData?: string; clientKeyData?: string };
}

/**
 * A user as which the cluster can be asked without asking a person; undefined where there is none. A plugin that may be
 * is run, and its answer stands in its place.
 */
export async function loginQuietly(user: UserEntry): Promise<UserEntry | undefined> {
  const { 'auth-provider': provider, exec, ...rest } = user;
  if (provider) return undefined; // it may renew a token that is stored elsewhere, and make that one void
  if (!exec) return user;
  const { apiVersion, command = '', args, env, interactiveMode } = exec;
  if (interactiveMode !== 'Never' && !SILENT_PLUGINS.has(basename(command))) return undefined;
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const output = await runQuietly(command, args ?? [], {
    ...process.env,
    ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  });
  if (output === undefined) return undefined;
  const { token, clientCertificateData, clientKeyData } = (JSON.parse(output) as Credential).status ?? {};
  return {
    ...rest,
    ...(token && { token }),
    ...(clientCertificateData && { 'client-certificate-data': inBase64(clientCertificateData) }),
    ...(clientKeyData && { 'client-key-data': inBase64(clientKeyData) }),
  };
}

const inBase64 = (text: string): string => Buffer.from(text).toString('base64');
