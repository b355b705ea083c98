import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The device through which everything goes that is the cluster's. */
export const TUN = 'tun0';

/** Runs ip(8). Throws Error with its words. */
export const ip = async (...args: string[]): Promise<string> => (await run('ip', args)).stdout;

/** Runs iptables(8), which waits for others that change rules. Throws Error with its words. */
export const iptables = async (...args: string[]): Promise<void> =>
  void (await run('iptables', ['-w', ...args]));

/** Whether a rule, given as it would be inserted, is there already. */
export const iptablesHas = (...rule: string[]): Promise<boolean> =>
  iptables(...rule.map((word) => (word === '-I' ? '-C' : word))).then(
    () => true,
    () => false,
  );
