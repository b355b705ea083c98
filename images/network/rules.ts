/** Rules that make connections look as they do in the pod; each is left out where the kernel lacks it. Needs NET_ADMIN. */
import { type Family, ipAll, iptablesAll, iptablesHas, iptablesWithout, type Rule, TUN } from './ip.ts';

/** The queue in which SYNs wait, and the marks by which one that comes out of it is answered. */
export const SYN_QUEUE = 1;
export const SYN_MARKS = { refuse: 0x11, 'host-unreachable': 0x12, 'net-unreachable': 0x13 } as const;

/** A routing table by which all addresses are our own. */
const CALLER_TABLE = '101';

/** Has packets with `callerMark`, and the replies to them, stay in the namespace. Throws Error where the kernel lacks a part. */
export async function keepCallers(family: Family, callerMark: number): Promise<void> {
  const mark = `${callerMark}`;
  const marked = ['-m', 'mark', '--mark', mark];
  const words = ['-I', 'OUTPUT', ...marked, '-j', 'CONNMARK', '--save-mark'];
  const save: Rule = { table: 'mangle', words };
  if (await iptablesHas(family, save)) return;
  await ipAll(family, [
    ['route', 'replace', 'local', 'default', 'dev', 'lo', 'table', CALLER_TABLE],
    ['rule', 'add', 'fwmark', mark, 'lookup', CALLER_TABLE],
  ]);
  await iptablesAll(family, [save]);
}

/** How a marked SYN is answered, as the pod's network would have. */
const ANSWERS: Readonly<Record<keyof typeof SYN_MARKS, Readonly<Record<Family['option'], string>>>> = {
  refuse: { '-4': 'tcp-reset', '-6': 'tcp-reset' },
  'host-unreachable': { '-4': 'icmp-host-unreachable', '-6': 'icmp6-addr-unreachable' },
  'net-unreachable': { '-4': 'icmp-net-unreachable', '-6': 'icmp6-no-route' },
};

/**
 * Has SYNs that leave for the cluster wait in the queue, and answers those that come out of it with a mark. Nothing leaves
 * while nobody reads the queue. Throws Error where the kernel lacks a part; then none of it stays.
 */
export async function holdSyns(family: Family): Promise<void> {
  const outgoing = ['OUTPUT', '-o', TUN, '-p', 'tcp'];
  const marked = (mark: number) => ['-m', 'mark', '--mark', `${mark}`];
  const answers = Object.entries(ANSWERS).flatMap(([verdict, { [family.option]: answer }]): Rule[] => {
    const coming = ['-I', ...outgoing, ...marked(SYN_MARKS[verdict as keyof typeof SYN_MARKS])];
    return [
      { table: 'nat', words: [...coming, '-j', 'ACCEPT'] },
      { table: 'filter', words: [...coming, '-j', 'REJECT', '--reject-with', answer] },
    ];
  });
  const queued = ['-I', ...outgoing, '--syn', '-j', 'NFQUEUE', '--queue-num', `${SYN_QUEUE}`];
  const queue: Rule = { table: 'mangle', words: queued };
  if (await iptablesHas(family, queue)) return; // by an earlier agent of this namespace
  try {
    // The queue last, when all that answers what comes out of it is there.
    await iptablesAll(family, [...answers, queue]);
  } catch (error) {
    for (const rule of answers) await iptablesWithout(family, rule);
    throw error;
  }
}
