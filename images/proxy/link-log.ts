/** What the proxy's log says of the laptop's link, and how it is read there by whoever has no other word of a session. */

/** How the link of a session is, as far as anybody can tell. */
export type LoggedLink = 'connected' | 'silent' | 'connecting' | 'gone';

export const LINK_LOG = {
  joined: 'the laptop is connected',
  up: 'the laptop is there',
  silent: 'the laptop is silent: forwarding to the original pods',
  down: 'the link to the laptop is gone: its connections are kept, new ones go to the original pods soon',
  gone: 'the laptop has gone: forwarding to the original pods',
} as const;

const STATES: ReadonlyMap<string, LoggedLink> = new Map([
  [LINK_LOG.joined, 'connected'],
  [LINK_LOG.up, 'connected'],
  [LINK_LOG.silent, 'silent'],
  [LINK_LOG.down, 'connecting'],
  [LINK_LOG.gone, 'gone'],
]);

/** A line of the proxy's log. */
export const logLine = (text: string, now = new Date()): string => `${now.toISOString()} ${text}`;

/** The last that the log says of the link, and when it said so; undefined where it says nothing. */
export function linkInLog(log: string): { state: LoggedLink; since: string } | undefined {
  for (const line of log.split('\n').reverse()) {
    const at = line.indexOf(' ');
    const state = STATES.get(line.slice(at + 1));
    if (state !== undefined) return { state, since: line.slice(0, at) };
  }
  return undefined;
}
