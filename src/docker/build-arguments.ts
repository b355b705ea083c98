import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Variables that every build may have without naming them (Docker: "Predefined ARGs"), and that say which proxy to use. */
const NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/** The proxies that Docker's client is configured with, by their keys in config.json. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ['httpProxy', 'HTTP_PROXY'],
  ['httpsProxy', 'HTTPS_PROXY'],
  ['ftpProxy', 'FTP_PROXY'],
  ['allProxy', 'ALL_PROXY'],
  ['noProxy', 'NO_PROXY'],
]);

/** What a build needs to reach the world: the proxies of the environment, else those of Docker's configuration. */
export function proxyArguments(host: string, env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  const add = (name: string, value: string | undefined) => {
    if (!value) return;
    // Programs differ in which of the two they read.
    found[name] = value;
    found[name.toLowerCase()] = value;
  };
  for (const [key, value] of Object.entries(configured(host, env))) add(KEYS.get(key) ?? '', value);
  for (const name of NAMES) add(name, env[name] ?? env[name.toLowerCase()]);
  delete found[''];
  return found;
}

interface ClientConfig {
  proxies?: Record<string, Record<string, string>>;
}

/** The section of config.json for this daemon, else the default one. */
function configured(host: string, env: NodeJS.ProcessEnv): Record<string, string> {
  try {
    const path = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
    const { proxies = {} } = JSON.parse(readFileSync(path, 'utf8')) as ClientConfig;
    return proxies[host] ?? proxies.default ?? {};
  } catch {
    return {}; // none, or one of which Docker's client complains itself
  }
}
