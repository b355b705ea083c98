import { basename } from 'node:path';
import type { Cluster } from '../cluster/client.ts';
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

/** A user's login plugin, as the kubeconfig has it (client.authentication.k8s.io). */
interface Plugin {
  apiVersion?: string;
  command?: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  interactiveMode?: string;
}

interface Credential {
  status?: { token?: string; clientCertificateData?: string; clientKeyData?: string };
}

/** Whether the cluster can be asked without asking a person. A plugin that may be is run, and its answer kept. */
export async function loginQuietly(config: Cluster['config']): Promise<boolean> {
  const user = config.getCurrentUser();
  if (!user) return true;
  if (user.authProvider) return false; // it may renew a token that is stored elsewhere, and make that one void
  if (!user.exec) return true;
  const { apiVersion, command = '', args, env, interactiveMode } = user.exec as Plugin;
  if (interactiveMode !== 'Never' && !SILENT_PLUGINS.has(basename(command))) return false;
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const output = await runQuietly(command, args ?? [], {
    ...process.env,
    ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify(info),
  });
  if (output === undefined) return false;
  const { token, clientCertificateData, clientKeyData } = (JSON.parse(output) as Credential).status ?? {};
  const { exec: _plugin, ...rest } = user;
  const loggedIn = {
    ...rest,
    ...(token && { token }),
    ...(clientCertificateData && { certData: inBase64(clientCertificateData) }),
    ...(clientKeyData && { keyData: inBase64(clientKeyData) }),
  };
  config.users = config.users.map((each) => (each === user ? loggedIn : each));
  return true;
}

const inBase64 = (text: string): string => Buffer.from(text).toString('base64');
