/** resolv.conf(5), as far as it is needed. */

/** The nameservers' addresses, in order. */
export const nameserversOf = (text: string): string[] =>
  [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '');

/** The search domains; as in the resolver, the last `search` or `domain` line counts. */
export const searchOf = (text: string): string[] =>
  [...text.matchAll(/^(?:search|domain)[ \t]+(.*)$/gm)].at(-1)?.[1]?.trim().split(/\s+/) ?? [];
