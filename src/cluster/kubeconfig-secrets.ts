import { readFileSync } from 'node:fs';
import { type Kubeconfig, readKubeconfig, type UserEntry } from './kubeconfig.ts';

/** Every value of the kubeconfig that no one else may see: those of all its users, and certificates. */
export function kubeconfigSecrets(named: string | undefined, env: NodeJS.ProcessEnv): string[] {
  let kubeconfig: Kubeconfig;
  try {
    kubeconfig = readKubeconfig(named, env);
  } catch {
    return []; // what cannot be read cannot be passed on
  }
  const ofClusters = [...kubeconfig.clusters.values()].flatMap((cluster) => [
    cluster['certificate-authority-data'],
    cluster['proxy-url'],
    contentOf(cluster['certificate-authority']),
  ]);
  const ofUsers = [...kubeconfig.users.values()].flatMap(secretsOfUser);
  return [...ofClusters, ...ofUsers].filter((value) => value !== undefined);
}

function secretsOfUser(user: UserEntry): (string | undefined)[] {
  const files = [user.tokenFile, user['client-key'], user['client-certificate']].map(contentOf);
  return [
    user.token,
    user.password,
    user['client-key-data'],
    user['client-certificate-data'],
    ...Object.values(user['auth-provider']?.config ?? {}),
    ...(user.exec?.args ?? []),
    ...(user.exec?.env ?? []).map(({ value }) => value),
    ...files,
  ];
}

function contentOf(path: string | undefined): string | undefined {
  if (!path) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
