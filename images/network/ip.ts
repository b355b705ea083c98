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

/** Runs commands of ip(8) for one family in one process, up to the first that fails. Throws Error with its words. */
export const ipAll = (family: Family, commands: readonly string[][]): Promise<void> =>
  commands.length === 0
    ? Promise.resolve()
    : fed(
        'ip',
        [family.option, '-batch', '-'],
        commands.map((words) => words.join(' ')),
      );

/** A rule of a table, as iptables(8) takes it. No word of it has a space. */
export interface Rule {
  table: 'filter' | 'mangle' | 'nat';
  words: readonly string[];
}

/**
 * Changes rules of a family in one process, a table after the other in the order in which they are named, all of a table's
 * or none (iptables-restore(8)); waits for others that change rules. Throws Error with its words.
 */
export const iptablesAll = (family: Family, rules: readonly Rule[]): Promise<void> => {
  const tables = [...new Set(rules.map(({ table }) => table))];
  const lines = tables.flatMap((wanted) => [
    `*${wanted}`,
    ...rules.filter(({ table }) => table === wanted).map(({ words }) => words.join(' ')),
    'COMMIT',
  ]);
  return fed(`${family.iptables}-restore`, ['-w', '--noflush'], lines);
};

/** Runs a command that reads these lines. */
async function fed(command: string, args: readonly string[], lines: readonly string[]): Promise<void> {
  const running = run(command, args);
  running.child.stdin?.on('error', () => {}); // one that ended before it read all says why
  running.child.stdin?.end(`${lines.join('\n')}\n`);
  await running;
}

/** Whether a rule, given as it would be inserted, is there already. */
export const iptablesHas = (family: Family, { table, words }: Rule): Promise<boolean> =>
  run(family.iptables, ['-w', '-t', table, ...inverse(words, '-C')]).then(
    () => true,
    () => false,
  );

/** Takes a rule, given as it was inserted, out again, if it is there. */
export const iptablesWithout = (family: Family, { table, words }: Rule): Promise<unknown> =>
  run(family.iptables, ['-w', '-t', table, ...inverse(words, '-D')]).catch(() => {});

const inverse = (words: readonly string[], option: '-C' | '-D') =>
  words.map((word) => (word === '-I' ? option : word));
