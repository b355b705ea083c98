import { execFile } from 'node:child_process';
import { isIPv6 } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The device through which everything goes that is the cluster's. */
export const TUN = 'tun0';

/** What a family of addresses is called by ip(8) and iptables(8). */
export interface Family {
  option: '-4' | '-6';
  /** Length of the prefix that is one address. */
  bits: 32 | 128;
  loopback: string;
  iptables: 'iptables' | 'ip6tables';
}

export const V4: Family = { option: '-4', bits: 32, loopback: '127.0.0.1', iptables: 'iptables' };
export const V6: Family = { option: '-6', bits: 128, loopback: '::1', iptables: 'ip6tables' };
export const FAMILIES: readonly Family[] = [V4, V6];

/** The family of an address or range. */
export const familyOf = (address: string): Family => (isIPv6(address.split('/')[0] ?? '') ? V6 : V4);

/** Runs ip(8). Throws Error with its words. */
export const ip = async (...args: string[]): Promise<string> => (await run('ip', args)).stdout;

/** Runs iptables(8) of a family, which waits for others that change rules. Throws Error with its words. */
export const iptables = async (family: Family, ...args: string[]): Promise<void> =>
  void (await run(family.iptables, ['-w', ...args]));

/** Whether a rule, given as it would be inserted, is there already. */
export const iptablesHas = (family: Family, ...rule: string[]): Promise<boolean> =>
  iptables(family, ...rule.map((word) => (word === '-I' ? '-C' : word))).then(
    () => true,
    () => false,
  );
