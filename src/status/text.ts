import { podPortText } from '../../images/pod-port.ts';
import { portText } from '../port-text.ts';
import { ago, clockTime } from '../times.ts';
import type { LinkStatus, ServiceStatus, SessionStatus } from './session-status.ts';

/** Sessions for a person: a block each, of lines that fit a terminal where names do. */

const WIDTH = 100;
const LABEL_WIDTH = 10;

export function statusText(sessions: readonly SessionStatus[], now = Date.now()): string {
  return sessions.map((session) => blockOf(session, now).join('\n')).join('\n\n');
}

function blockOf(status: SessionStatus, now: number): string[] {
  const { session, workload = 'no workload', context, namespace, owner, since, held, link, proxy } = status;
  const whose = owner ? `${owner.user}@${owner.host}` : 'not known';
  const rows: [string, string[]][] = [
    ['whose', [since === undefined ? whose : `${whose}, since ${clockTime(since)} (${ago(since, now)})`]],
    ['held as', held === undefined ? [] : [held]],
    ['process', [processText(status)]],
    ['link', linkTexts(link, now)],
    ['proxy', proxy ? [`${proxy.pod}, ${proxy.ready ? 'ready' : 'not ready'}`] : []],
    ['Services', status.services.map(serviceText)],
    ['ports', portTexts(status)],
    ['127.0.0.1', loopbackTexts(status)],
    ['uses', status.features],
  ];
  return [
    `${session}  ${workload}  ${context}/${namespace}`,
    ...rows.flatMap(([label, parts]) => wrapped(label, parts)),
  ].map((line) => line.replace(/\p{Cc}+/gu, ' ')); // what others wrote into the cluster, a terminal would obey
}

const processText = ({ process, session }: SessionStatus): string =>
  ({
    running: 'running',
    silent: "lives, but does not answer: it is stopped, hangs, or is another user's",
    elsewhere: 'on another machine',
    ended: `has ended: tp leave ${session}`,
    unknown: `not known; if nobody misses it: tp leave ${session}`,
  })[process];

const LINK_STATES: Readonly<Record<LinkStatus['state'], string>> = {
  connected: 'connected',
  silent: 'silent: the original pods answer',
  connecting: 'connecting again',
  gone: 'nobody is connected: the original pods answer',
  unknown: 'not known',
};

function linkTexts(link: LinkStatus, now: number): string[] {
  const { state, since, roundTripMs, sentBytes, receivedBytes, reconnects = 0, streams } = link;
  return [
    `${LINK_STATES[state]}${since === undefined ? '' : ` for ${ago(since, now)}`}`,
    ...(roundTripMs === undefined ? [] : [`round trip ${roundTripMs.toFixed(1)} ms`]),
    ...(streams === undefined ? [] : [counted(streams, 'open stream')]),
    ...(sentBytes === undefined ? [] : [`${bytes(sentBytes)} sent`]),
    ...(receivedBytes === undefined ? [] : [`${bytes(receivedBytes)} received`]),
    ...(reconnects > 0 ? [counted(reconnects, 'reconnect')] : []),
  ];
}

function serviceText({ name, ports, switched }: ServiceStatus): string {
  const list = ports.map(({ port, pod, protocol }) => `${portText(port, protocol)} -> ${pod}`).join(', ');
  const state = switched === undefined ? '' : switched ? ' switched' : ' not switched';
  return `${name} (${list})${state}`;
}

const portTexts = ({ ports }: SessionStatus): string[] =>
  ports.map(({ pod, process, protocol }) => {
    const port = `${portText(pod, protocol)} of the pod`;
    return process === undefined ? port : `${port} -> ${process} of the process`;
  });

const loopbackTexts = ({
  loopback: { toPod, fromPod } = { toPod: [], fromPod: [] },
}: SessionStatus): string[] => [
  ...toPod.map((port) => `${podPortText(port)} -> the pod's`),
  ...fromPod.map((port) => `${podPortText(port)} of the pod -> the process's`),
];

/** The parts behind the label, with commas between them, on as many lines as they need. */
function wrapped(label: string, parts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const [at, part] of parts.entries()) {
    const text = at < parts.length - 1 ? `${part},` : part;
    const last = lines.at(-1);
    if (last === undefined) lines.push(`  ${label.padEnd(LABEL_WIDTH)}${text}`);
    else if (last.length + text.length < WIDTH) lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(`${' '.repeat(LABEL_WIDTH + 2)}${text}`);
  }
  return lines;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function bytes(count: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(1)} ${unit}`;
  }
  return `${count} B`;
}
