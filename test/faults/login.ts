import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { entriesOf, writeKubeconfig } from '../e2e/harness/access.ts';
import { apply, kubeconfig, kubectl, kubectlArguments } from '../e2e/harness/cluster.ts';
import { eventually } from '../e2e/harness/eventually.ts';
import { tp as command } from '../e2e/harness/tp.ts';
import type { Fault, Preparation, Running } from './experiment.ts';
import { putSelectorBack } from './selector.ts';

/** A login by a plugin of the kubeconfig, which ends while the session runs. */

/** The service account, its Role, and how the Secrets begin that its tokens are bound to. */
const NAME = 'tp-faults';
const SECRETS = [`${NAME}-first`, `${NAME}-second`] as const;

/** The API server remembers a token that it has accepted for ten seconds (ms). (kube-apiserver: TokenSuccessCacheTTL) */
const REFUSED_WITHIN_MS = 15_000;

/** What the plugin gives: a token that ends with that Secret, and until when it says that it is valid. */
interface Given {
  secret: string;
  validMs: number;
}

/** Notes each token that it gives. It reaches whoever issues them by a way of its own, as plugins do. */
const PLUGIN = `
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
const [directory, program, ...prefix] = process.argv.slice(2);
const { secret, validMs } = JSON.parse(readFileSync(directory + '/given', 'utf8'));
const bound = ['--bound-object-kind', 'Secret', '--bound-object-name', secret];
const token = execFileSync(program, [...prefix, 'create', 'token', '${NAME}', ...bound], { encoding: 'utf8' }).trim();
appendFileSync(directory + '/tokens', token + '\\n');
const { apiVersion } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
const expirationTimestamp = new Date(Date.now() + validMs).toISOString();
console.log(JSON.stringify({ kind: 'ExecCredential', apiVersion, status: { token, expirationTimestamp } }));
`;

const give = (directory: string, given: Given) =>
  writeFileSync(`${directory}/given`, JSON.stringify(given), { mode: 0o600 });

const tokensOf = (directory: string): string[] =>
  readFileSync(`${directory}/tokens`, 'utf8').trimEnd().split('\n');

/** An account with the Role that `tp rbac` prints, and in the session's kubeconfig the plugin that logs in as it. */
async function prepare(directory: string, validMs: number): Promise<Preparation> {
  const metadata = { name: NAME };
  const role = parse((await command('rbac')).stdout) as Record<string, unknown>;
  const apiGroup = 'rbac.authorization.k8s.io';
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { ...role, metadata },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', ...metadata },
      subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: 'default' }],
    },
    ...SECRETS.map((name) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } })),
  ];
  await apply(objects.map((object) => stringify(object)).join('---\n'));
  give(directory, { secret: SECRETS[0], validMs });
  writeFileSync(`${directory}/plugin.mjs`, PLUGIN);
  const [program, prefix] = kubectlArguments;
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: [`${directory}/plugin.mjs`, directory, program, ...prefix],
    interactiveMode: 'Never',
  };
  const file = `${directory}/kubeconfig`;
  const config = parse(readFileSync(file, 'utf8')) as { users: { user: unknown }[] };
  for (const entry of config.users) entry.user = { exec };
  writeFileSync(file, stringify(config));
  const undo = async () => {
    const named = ['rolebinding', 'role', 'serviceaccount'].map((kind) => `${kind}/${NAME}`);
    const secrets = SECRETS.map((name) => `secret/${name}`);
    await kubectl('delete', '--ignore-not-found', ...named, ...secrets);
  };
  return { undo };
}

/** Whether the API server takes a token. */
async function accepts(directory: string, token: string): Promise<boolean> {
  const { cluster } = await entriesOf(kubeconfig);
  const probe = writeKubeconfig(directory, 'probe', { cluster, user: { token } });
  try {
    await kubectl('--kubeconfig', probe, 'auth', 'whoami');
    return true;
  } catch (error) {
    if (/Unauthorized|must be logged in/i.test((error as Error).message)) return false;
    throw error;
  }
}

/** The first login ends for good, the link is cut, and a Service needs to be taken again. */
async function endLogin({ tp, relay, directory, begins, connectedAgain }: Running): Promise<void> {
  const before = tokensOf(directory);
  give(directory, { secret: SECRETS[1], validMs: 3_600_000 });
  await kubectl('delete', 'secret', SECRETS[0]);
  for (const token of before) {
    await eventually(
      () => accepts(directory, token),
      (taken) => !taken,
      REFUSED_WITHIN_MS,
    );
  }
  begins();
  relay.cut();
  await sleep(1_000);
  relay.restore();
  await connectedAgain();
  await putSelectorBack(tp);
  const after = tokensOf(directory).slice(before.length);
  if (after.length === 0) throw new Error('the plugin was not asked again');
}

const loginFault = (id: string, what: string, validMs: number): Fault => ({
  id,
  what,
  failed: 'none',
  stream: 'survives',
  session: 'goes on',
  prepare: (directory) => prepare(directory, validMs),
  inject: endLogin,
});

export const LOGIN: readonly Fault[] = [
  loginFault('login-expired', 'the login expires, then the link is cut: its plugin gives another one', 5_000),
  loginFault('login-revoked', 'the same with a login that is refused before it expires', 3_600_000),
];
