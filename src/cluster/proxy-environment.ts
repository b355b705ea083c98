import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';

/** The proxy that the environment names for a server, and the variable that does. */
export interface EnvironmentProxy {
  url: string;
  variable: string;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * The proxy to a server by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as kubectl reads them; undefined for none. A server on
 * loopback never has one. What cannot be understood is passed over. (golang.org/x/net/http/httpproxy)
 */
export function proxyFromEnvironment(server: string, env: NodeJS.ProcessEnv): EnvironmentProxy | undefined {
  const url = URL.parse(server);
  const scheme = url && { 'https:': 'HTTPS', 'http:': 'HTTP' }[url.protocol];
  if (!scheme) return undefined;
  const [variable, value = ''] = firstSet(env, `${scheme}_PROXY`);
  const proxy = parseProxy(value);
  if (!proxy || isExempt(url, firstSet(env, 'NO_PROXY')[1] ?? '')) return undefined;
  return { url: proxy, variable };
}

/** The capitals go first, and an empty variable is none. */
function firstSet(env: NodeJS.ProcessEnv, name: string): [string, string | undefined] {
  return env[name] ? [name, env[name]] : [name.toLowerCase(), env[name.toLowerCase()]];
}

/** A proxy may be named by host and port alone; it is an HTTP proxy then. */
function parseProxy(value: string): string | undefined {
  if (value === '') return undefined;
  const url = URL.parse(value);
  if (url?.host) return value;
  return URL.canParse(`http://${value}`) ? `http://${value}` : undefined;
}

function isExempt(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = server.port || (DEFAULT_PORTS[server.protocol] ?? '');
  const address = isIP(host) ? ipaddr.process(host) : undefined;
  if (host === 'localhost' || address?.range() === 'loopback') return true;
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => matches(entry, host, port, address));
}

type Address = ReturnType<typeof ipaddr.process>;

function matches(entry: string, host: string, port: string, address: Address | undefined): boolean {
  if (entry === '*') return true;
  const [base = '', length] = entry.split('/');
  if (isIP(base) && length !== undefined) {
    if (!address || !ipaddr.isValidCIDR(entry)) return false;
    const range = ipaddr.parseCIDR(entry);
    return address.kind() === range[0].kind() && address.match(range);
  }
  // A port stands after the last colon; without brackets an IPv6 address has none.
  const [, name = '', wanted = ''] = /^\[(.*)\]:(\d*)$/.exec(entry) ??
    /^([^:]*):([^:]*)$/.exec(entry) ?? ['', entry];
  if (name === '' || (wanted !== '' && wanted !== port)) return false;
  if (isIP(name)) return address?.toString() === ipaddr.process(name).toString();
  if (address) return false;
  // foo.com is that host and all below it; .foo.com and *.foo.com are only those below.
  const domain = name.replace(/^\*(?=\.)/, '');
  const below = domain.startsWith('.');
  const bare = below ? domain.slice(1) : domain;
  const ascii = /^[\x20-\x7e]*$/.test(bare) ? bare : domainToASCII(bare);
  return host.endsWith(`.${ascii}`) || (!below && host === ascii);
}
