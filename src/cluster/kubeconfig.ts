import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { TpError } from '../errors.ts';

/** How a cluster is reached, in the kubeconfig's own words. */
export interface ClusterEntry {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
  'disable-compression'?: boolean;
  extensions?: { name?: string; extension?: unknown }[];
}

/** A command that logs in. */
export interface ExecEntry {
  apiVersion?: string;
  command?: string;
  args?: string[] | null;
  env?: { name: string; value?: string }[] | null;
  installHint?: string;
  interactiveMode?: string;
  provideClusterInfo?: boolean;
}

/** How a user logs in. */
export interface UserEntry {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  'as-user-extra'?: Record<string, string[]>;
  'auth-provider'?: { name: string; config?: Record<string, string> };
  exec?: ExecEntry;
}

export interface ContextEntry {
  cluster?: string;
  user?: string;
  namespace?: string;
}

/** All kubeconfig files as one, with absolute paths. */
export interface Kubeconfig {
  clusters: Map<string, ClusterEntry>;
  users: Map<string, UserEntry>;
  contexts: Map<string, ContextEntry>;
  currentContext: string;
  /** Files that were asked for and do not exist. */
  missing: string[];
}

/** Fields that name a file, in clusters and in users. (client-go: GetClusterFileReferences, GetAuthInfoFileReferences) */
const CLUSTER_FILES = ['certificate-authority'] as const;
const USER_FILES = ['client-certificate', 'client-key', 'tokenFile'] as const;

/**
 * Reads the kubeconfig as kubectl does: the file that is named, else those of KUBECONFIG, else ~/.kube/config. Where
 * several have an entry of one name, the first one's is taken whole. A file of the list may be missing, one that is
 * named may not. Throws TpError. (client-go: ClientConfigLoadingRules.Load)
 */
export function readKubeconfig(named: string | undefined, env: NodeJS.ProcessEnv): Kubeconfig {
  const merged: Kubeconfig = {
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
    currentContext: '',
    missing: [],
  };
  for (const path of kubeconfigFiles(named, env)) {
    const text = readFile(path);
    if (text === undefined) {
      if (named) throw new TpError('TP_KUBECONFIG', `--kubeconfig: there is no file ${path}`);
      merged.missing.push(path);
      continue;
    }
    const file = parseFile(path, text);
    addNew(merged.clusters, entries<ClusterEntry>(path, file, 'clusters', 'cluster'));
    addNew(merged.users, entries<UserEntry>(path, file, 'users', 'user'));
    addNew(merged.contexts, entries<ContextEntry>(path, file, 'contexts', 'context'));
    merged.currentContext ||= String(file['current-context'] ?? '');
  }
  return merged;
}

function kubeconfigFiles(named: string | undefined, env: NodeJS.ProcessEnv): string[] {
  if (named) return [named];
  if (!env.KUBECONFIG) return [join(env.HOME || homedir(), '.kube', 'config')];
  return [...new Set(env.KUBECONFIG.split(delimiter))].filter((path) => path !== '');
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, (cause as Error).message, cause);
  }
}

function parseFile(path: string, text: string): Record<string, unknown> {
  let file: unknown;
  try {
    // As Go reads YAML: with merge keys, and without complaint about a key that comes twice.
    file = parse(text, { merge: true, uniqueKeys: false });
  } catch (cause) {
    throw unreadable(path, (cause as Error).message.split('\n')[0] ?? '', cause);
  }
  file ??= {}; // an empty file is an empty kubeconfig
  if (!isMap(file)) throw unreadable(path, 'it is not a kubeconfig');
  return file;
}

/** A file's entries of one kind by name, with paths that no longer depend on where the file is. */
function entries<T>(
  path: string,
  file: Record<string, unknown>,
  list: string,
  field: string,
): Map<string, T> {
  const found = new Map<string, T>();
  const items = file[list] ?? [];
  if (!Array.isArray(items)) throw unreadable(path, `${list} is not a list`);
  for (const [index, item] of (items as unknown[]).entries()) {
    const entry = isMap(item) ? (item[field] ?? {}) : undefined;
    if (!isMap(item) || !isMap(entry)) throw unreadable(path, `${list}[${index}] is not a ${field}`);
    const name = String(item.name ?? '');
    if (found.has(name)) throw unreadable(path, `${list} has "${name}" twice`);
    found.set(name, withAbsolutePaths(entry, resolve(dirname(path))) as T);
  }
  return found;
}

function withAbsolutePaths(entry: Record<string, unknown>, folder: string): Record<string, unknown> {
  const result = { ...entry };
  for (const field of [...CLUSTER_FILES, ...USER_FILES]) {
    const path = entry[field];
    if (typeof path === 'string' && path !== '') result[field] = absolute(folder, path);
  }
  const { exec } = entry;
  // A bare name is looked up in the PATH.
  if (isMap(exec) && typeof exec.command === 'string' && exec.command.includes('/')) {
    result.exec = { ...exec, command: absolute(folder, exec.command) };
  }
  return result;
}

const absolute = (folder: string, path: string) => (isAbsolute(path) ? path : join(folder, path));

function addNew<T>(merged: Map<string, T>, found: Map<string, T>): void {
  for (const [name, entry] of found) if (!merged.has(name)) merged.set(name, entry);
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const unreadable = (path: string, why: string, cause?: unknown) =>
  new TpError('TP_KUBECONFIG', `the kubeconfig ${path} cannot be read: ${why}`, { cause });
