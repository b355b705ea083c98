/**
 * Many connections: `serve PORT` is their one end, `load HOST PORT KIND COUNT` the other. It says `ready` when the load is as
 * it shall be, and goes on until its stdin ends, or a bound; a finite one says `done`. Runs wherever there is Node: in a
 * container, in the node's network.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** The longest that a load runs (ms), whatever happens to who started it. */
const LIMIT_MS = 120_000;

/** Connections that are being made at once. */
const AT_ONCE = 20;

/** What busy connections send to and fro (bytes). */
const MESSAGE_BYTES = 4096;
const CHUNK = Buffer.alloc(65_536, 'tp');

/** Writes stand still when nothing could be written for so long (ms). */
const STILL_MS = 1_000;

let written = 0;

/** Writes for ever, as fast as the other side reads. */
async function flood(socket: Socket): Promise<void> {
  while (!socket.destroyed) {
    written++;
    if (!socket.write(CHUNK)) await once(socket, 'drain');
  }
}

/** The first byte says what is wanted of the server: an echo, a flood, or nobody who reads. */
function serve(port: number): void {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('readable', () => {
      const kind = `${socket.read(1)}`;
      if (kind === 'e') socket.pipe(socket);
      if (kind === 'f') flood(socket).catch(() => {});
    });
  });
  server.listen(port, () => console.log('ready'));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
}

async function opened(host: string, port: number, first: string): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  socket.write(first);
  return socket;
}

async function echo(socket: Socket, bytes: number): Promise<void> {
  socket.write(CHUNK.subarray(0, bytes));
  for (let got = 0; got < bytes; ) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    if (!CHUNK.subarray(got, got + data.length).equals(data)) throw new Error(`no echo: ${data}`);
    got += data.length;
  }
}

type Open = (first: string) => Promise<Socket>;

const KINDS: Record<string, (open: Open, count: number) => Promise<void>> = {
  /** Open, and proven to be. */
  async idle(open, count) {
    await many(count, async () => echo(await open('e'), 1));
  },
  /** A message to and fro, again and again. */
  async busy(open, count) {
    await many(count, async () => {
      const socket = await open('e');
      await echo(socket, MESSAGE_BYTES);
      const forEver = async () => {
        for (;;) await echo(socket, MESSAGE_BYTES);
      };
      forEver().catch(fail);
    });
  },
  /** The server floods us, and we never read. */
  async unread(open, count) {
    await many(count, async () => {
      await open('f');
    });
  },
  /** We flood a server that never reads. */
  async unheard(open, count) {
    await many(count, async () => void flood(await open('s')).catch(fail));
    for (let before = -1; before !== written; ) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, STILL_MS));
    }
  },
  /** One after the other, a few at once. */
  async short(open, count) {
    await many(count, async () => {
      const socket = await open('e');
      await echo(socket, 64);
      socket.end();
      await once(socket, 'close');
    });
    console.log('done');
  },
};

async function many(count: number, one: () => Promise<void>): Promise<void> {
  let left = count;
  const inTurn = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, inTurn));
}

function fail(error: unknown): never {
  console.error(error);
  process.exit(1);
}

const [role, ...args] = process.argv.slice(2);
if (role === 'serve') {
  serve(Number(args[0]));
} else {
  const [host = '', port, kind = '', count] = args;
  process.stdin.on('end', () => process.exit(0)).resume();
  setTimeout(() => process.exit(2), LIMIT_MS).unref();
  KINDS[kind]?.((first) => opened(host, Number(port), first), Number(count)).then(
    () => console.log('ready'),
    fail,
  );
}
