import ipaddr from 'ipaddr.js';

/** The 4 or 16 bytes of an address. Throws Error when it is none. */
export const parseAddress = (text: string): Buffer => Buffer.from(ipaddr.parse(text).toByteArray());

/** The usual text of 4 or 16 bytes of address. Throws Error for another length. */
export const formatAddress = (bytes: Buffer): string => ipaddr.fromByteArray([...bytes]).toString();

/** An IPv4 address that arrived on a dual-stack socket, without its IPv6 clothes; others unchanged. */
export const plainAddress = (text: string): string =>
  ipaddr.isValid(text) ? ipaddr.process(text).toString() : text;

/** Whether a textual address is of loopback. */
export const isLoopback = (text: string): boolean =>
  ipaddr.isValid(text) && ipaddr.process(text).range() === 'loopback';
