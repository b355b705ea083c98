import { StringDecoder } from 'node:string_decoder';

/** A line of a log, with the time at which Docker or the node took it. */
export interface LogLine {
  /** As it was written (RFC 3339, with all its digits), to go on from there. */
  time: string;
  text: string;
}

/** What a log is read with. */
export interface LogReading {
  /** Goes on until the log's process is gone for good, or `signal` aborts. */
  follow: boolean;
  signal: AbortSignal;
}

/** A line longer than this (characters) is cut: no log of ours has one, and a sender without newlines ends nowhere. */
const MAX_LINE = 16_384;

/** The lines of a log whose every line begins with its time, as Docker and the kubelet give them on request. */
export async function* timedLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) yield parted(line);
  }
  if (rest !== '') yield parted(rest);
}

function parted(line: string): LogLine {
  const space = line.indexOf(' ');
  const [time, text] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
  return { time, text: text.slice(0, MAX_LINE).replace(/\r$/, '') };
}

/** Whether a line comes after the last that was seen; a log that is opened again begins with the whole second. */
export const isAfter = ({ time }: LogLine, last: string | undefined): boolean =>
  last === undefined || nanoseconds(time) > nanoseconds(last);

/** A time as one number: its digits differ in number, and its zone from node to node. */
function nanoseconds(time: string): bigint {
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? [];
  const seconds = Math.floor(Date.parse(time) / 1000);
  return (
    BigInt(Number.isNaN(seconds) ? 0 : seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
  );
}

/** The lines of several logs as one, by their times; of one moment in the order of the logs. */
export const merged = <T extends LogLine>(logs: readonly (readonly T[])[]): T[] =>
  logs.flat().sort((a, b) => Number(nanoseconds(a.time) - nanoseconds(b.time)));
