import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { codeBlocks, read } from '../../docs/markdown.ts';
import { apply, embedded, kubeconfig, kubectl, kubectlJson, TEST_CONTEXT } from './cluster.ts';

/** Ways to the test cluster that a kubeconfig can name. */

/** The cluster by an address that is not loopback's, where the environment's proxy counts; another cluster's is its own. */
export const directKubeconfig = embedded ? '/var/lib/tpcluster/kubeconfig.direct' : kubeconfig;

export type Entry = Record<string, unknown>;

/** What the test cluster's kubeconfig says of it, with all data in it. */
export async function entriesOf(path: string): Promise<{ cluster: Entry; user: Entry }> {
  interface Config {
    clusters: { cluster: Entry }[];
    users: { user: Entry }[];
  }
  const view = ['config', 'view', '--kubeconfig', path, '--raw', '--minify', '--flatten'];
  const { clusters, users } = await kubectlJson<Config>(...view);
  return { cluster: clusters[0]?.cluster ?? {}, user: users[0]?.user ?? {} };
}

/** Writes a kubeconfig with one of each, all named `name`; gives its path. */
export function writeKubeconfig(
  folder: string,
  file: string,
  parts: { cluster: Entry; user: Entry; name?: string; current?: boolean },
): string {
  const { cluster, user, name = TEST_CONTEXT, current = true } = parts;
  const path = join(folder, file);
  const context = { cluster: name, user: name, namespace: 'default' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context }],
    ...(current ? { 'current-context': name } : {}),
  };
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

interface Rule {
  resources: string[];
  verbs: string[];
}

/** A service account of the test's own with the Roles of docs/rights.md, and nothing else. */
export class Account {
  readonly #name: string;
  readonly #roles: string[];

  private constructor(name: string, roles: string[]) {
    this.#name = name;
    this.#roles = roles;
  }

  /** `without` takes one verb on one resource out of the Roles; `replace` adds the Role of --replace. */
  static async create(
    name: string,
    { without, replace = false }: { without?: { resource: string; verb: string }; replace?: boolean } = {},
  ): Promise<Account> {
    const roles = codeBlocks(read('docs/rights.md'), 'yaml')
      .slice(0, replace ? 2 : 1)
      .join('---\n');
    const names: string[] = [];
    const objects: Entry[] = [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } }];
    const subjects = [{ kind: 'ServiceAccount', name, namespace: 'default' }];
    for (const [index, document] of parseAllDocuments(roles).entries()) {
      const metadata = { name: `${name}-${index}` };
      names.push(metadata.name);
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', ...metadata };
      const binding = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata };
      const role = document.toJS() as Entry & { rules: Rule[] };
      const lacks = ({ resources }: Rule, verb: string) =>
        verb === without?.verb && resources.includes(without.resource);
      const rules = role.rules
        .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => !lacks(rule, verb)) }))
        .filter(({ verbs }) => verbs.length > 0);
      objects.push({ ...role, rules, metadata }, { ...binding, roleRef, subjects });
    }
    await apply(objects.map((object) => stringify(object)).join('---\n'));
    return new Account(name, names);
  }

  /** A new token, valid for an hour. */
  async token(): Promise<string> {
    return (await kubectl('create', 'token', this.#name)).trim();
  }

  async remove(): Promise<void> {
    await kubectl('delete', 'rolebinding', ...this.#roles);
    await kubectl('delete', 'role', ...this.#roles);
    await kubectl('delete', 'serviceaccount', this.#name);
  }
}
