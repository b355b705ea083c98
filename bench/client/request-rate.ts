import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { RateResult, RateTask } from '../task.ts';

const HEAD = 'HTTP/1.1 200 ';
/** /healthz's answer ends with this: the end of the head, and the body. */
const END = '\r\n\r\nok\n';

/**
 * Small GETs on many kept connections, each sending the next when it has its answer. By hand on sockets: Node's client of
 * HTTP takes more CPU for a request than all that lies between, and so would be what is measured.
 */
export async function requestRate({ base, ms, connections }: RateTask): Promise<RateResult> {
  const url = new URL(base);
  const target = { host: url.hostname, port: Number(url.port || 80), noDelay: true };
  const sockets = Array.from({ length: connections }, () => connect(target));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const request = Buffer.from(`GET /healthz HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
  let answered = 0;
  // The time begins when all have been answered once: until then connections are made, and code is compiled.
  let begin = Number.NaN;
  let counted = 0;
  let last = 0;
  let waitedFor = connections;
  const onAnswer = (isFirst: boolean): boolean => {
    const now = performance.now();
    answered++;
    if (isFirst && --waitedFor === 0) begin = now;
    else if (now - begin < ms) {
      counted++;
      last = now;
    }
    return !(now - begin >= ms);
  };
  await Promise.all(sockets.map((socket) => askOn(socket, request, onAnswer)));
  return { answered, perSecond: counted / ((last - begin) / 1000) };
}

/** Asks until `onAnswer` says that it is enough. Throws for any other answer than a good one, and where one is missing. */
async function askOn(
  socket: Socket,
  request: Buffer,
  onAnswer: (isFirst: boolean) => boolean,
): Promise<void> {
  let text = '';
  let isFirst = true;
  let enough = false;
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    text += part;
    if (text.length >= HEAD.length && !text.startsWith(HEAD))
      socket.destroy(new Error(`no good answer: ${text}`));
    if (!text.endsWith(END)) return;
    text = '';
    const goOn = onAnswer(isFirst);
    isFirst = false;
    if (goOn) socket.write(request);
    else {
      enough = true;
      socket.end();
    }
  });
  socket.write(request);
  await once(socket, 'close');
  if (!enough) throw new Error(`a connection ended too early, after ${JSON.stringify(text)}`);
}
