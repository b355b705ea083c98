import type Dockerode from 'dockerode';
import { nameserversOf, searchOf } from '../../images/resolv-conf.ts';

/**
 * The pod's resolv.conf with what the user asked for by `--dns`, `--dns-search` and `--dns-option`, as a pod's dnsConfig
 * is merged: search domains and options are added. Name servers replace the pod's, as they do in `docker run`.
 */
export function resolvConfFor(pod: string, asked: Dockerode.HostConfig): string {
  const { Dns, DnsSearch, DnsOptions } = asked;
  if (![Dns, DnsSearch, DnsOptions].some((list) => list?.length)) return pod;
  const nameservers = Dns?.length ? Dns : nameserversOf(pod);
  // "." is Docker's way to ask for no search at all.
  const search = DnsSearch?.includes('.') ? [] : [...new Set([...searchOf(pod), ...(DnsSearch ?? [])])];
  const options = new Map<string, string>();
  for (const option of [...optionsOf(pod), ...(DnsOptions ?? [])])
    options.set(option.split(':')[0] ?? '', option);
  const lines = [
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.size > 0 ? [`options ${[...options.values()].join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

const optionsOf = (text: string): string[] =>
  [...text.matchAll(/^options[ \t]+(.*)$/gm)].flatMap((match) => (match[1] ?? '').trim().split(/\s+/));
