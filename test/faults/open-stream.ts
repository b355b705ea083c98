import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What became of a connection on which numbered data goes both ways all the time. */
export interface StreamResult {
  /** Whether it is still open, and every byte came back, once and in order. */
  survived: boolean;
  bytes: number;
  why?: string;
}

/**
 * Sends blocks that depend on their place to a server that sends back what it gets, and compares what comes. At the end of
 * stdin it ends its direction, and waits for all that is still on its way.
 */
const SCRIPT = `
import net from 'node:net';
const [host, port] = process.argv.slice(1);
const block = (n) => { const b = Buffer.alloc(4096); for (let at = 0; at < 4096; at += 4) b.writeUInt32BE((Math.imul(n, 2654435761) ^ at) >>> 0, at); return b; };
let sent = 0, checked = 0, held = Buffer.alloc(0), ending = false;
const finish = (survived, why) => { process.stdout.write(JSON.stringify({ survived, bytes: checked * 4096, why }) + '\\n', () => process.exit(0)); };
const socket = net.connect({ host, port: Number(port), noDelay: true });
socket.on('connect', () => process.stdout.write('begun\\n'));
socket.on('error', (error) => finish(false, error.code));
socket.on('data', (chunk) => {
  held = Buffer.concat([held, chunk]);
  for (; held.length >= 4096; held = held.subarray(4096)) {
    if (!held.subarray(0, 4096).equals(block(checked))) return finish(false, 'block ' + checked + ' differs');
    checked++;
  }
});
socket.on('end', () => finish(ending && checked === sent && held.length === 0, ending ? 'ended at block ' + checked + ' of ' + sent : 'ended early'));
const ticker = setInterval(() => { if (sent - checked < 1000) socket.write(block(sent++)); }, 20);
process.stdin.on('end', () => { ending = true; clearInterval(ticker); socket.end(); setTimeout(() => finish(false, 'no end at block ' + checked + ' of ' + sent), 20000); }).resume();
setTimeout(() => finish(false, 'its time is over'), 180000);
`;

/** An open connection that streams; `place` is what runs Node in the cluster. */
export class OpenStream {
  readonly #child;
  #last = '';

  private constructor(place: readonly string[], host: string, port: number) {
    const [program = '', ...args] = place;
    const node = ['--input-type=module', '-e', SCRIPT, '--', host, `${port}`];
    this.#child = spawn(program, [...args, ...node], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#last = line;
    });
  }

  static async begin(place: readonly string[], host: string, port: number): Promise<OpenStream> {
    const stream = new OpenStream(place, host, port);
    await once(stream.#child.stdout, 'data');
    return stream;
  }

  /** Ends it, and tells what became of it. */
  async end(): Promise<StreamResult> {
    const closed = once(this.#child, 'close');
    if (this.#child.exitCode === null) {
      this.#child.stdin.end();
      await closed;
    }
    return JSON.parse(this.#last) as StreamResult;
  }
}
