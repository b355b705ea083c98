import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { ExecStream } from '../../src/docker/exec-stream.ts';

const sockets = new Set<Socket>();
const server = createServer({ allowHalfOpen: true }, (socket) => void sockets.add(socket));

/** A process in a container: our stream to it, and Docker's end of the socket. */
async function process(): Promise<{ stream: ExecStream; docker: Socket; asked: unknown[] }> {
  const { port } = server.address() as { port: number };
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [[docker]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const asked: unknown[] = [];
  sockets.add(near);
  const exec = {
    start: async (options: unknown) => {
      asked.push(options);
      return near;
    },
    inspect: async () => ({ ExitCode: 7 }),
  };
  const container = {
    exec: async (options: unknown) => {
      asked.push(options);
      return exec;
    },
  } as unknown as Dockerode.Container;
  return { stream: await ExecStream.start(container, ['node', 'agent']), docker, asked };
}

const frame = (kind: 1 | 2, bytes: Buffer | string) => {
  const header = Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(bytes), 4);
  return Buffer.concat([header, Buffer.from(bytes as string)]);
};

async function readAll(stream: ExecStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of stream) parts.push(chunk as Buffer);
  return Buffer.concat(parts);
}

describe('a process in a container', () => {
  before(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is started as root with all of its streams', async () => {
    const { stream, asked } = await process();
    assert.deepEqual(asked, [
      { Cmd: ['node', 'agent'], AttachStdin: true, AttachStdout: true, AttachStderr: true, User: 'root' },
      { hijack: true, stdin: true },
    ]);
    stream.destroy();
  });

  it('gives its stdout, and keeps its stderr', async () => {
    const { stream, docker } = await process();
    docker.end(Buffer.concat([frame(1, 'a'), frame(2, 'warn: x\n'), frame(1, 'b')]));
    stream.end();
    assert.equal(`${await readAll(stream)}`, 'ab');
    assert.equal(stream.stderr, 'warn: x');
    assert.equal(await stream.exitCode(), 7);
  });

  it('keeps only the end of a long stderr', async () => {
    const { stream, docker } = await process();
    docker.end(
      Buffer.concat([
        frame(2, 'first'),
        frame(2, Buffer.alloc(20_000, 'x')),
        frame(2, 'last'),
        frame(1, 'y'),
      ]),
    );
    await readAll(stream);
    assert.ok(stream.stderr.length <= 8 * 1024);
    assert.ok(stream.stderr.endsWith('last'));
    assert.ok(!stream.stderr.includes('first'));
  });

  it('is written to, and hears the end of its stdin', async () => {
    const { stream, docker } = await process();
    stream.end('to its stdin');
    const parts: Buffer[] = [];
    for await (const chunk of docker) parts.push(chunk as Buffer);
    assert.equal(`${Buffer.concat(parts)}`, 'to its stdin');
    stream.destroy();
  });

  it('slows down when nobody reads, and loses nothing of what it wrote before it ended', async () => {
    const { stream, docker } = await process();
    const bytes = Buffer.alloc(3_000_000, 'abcdefg');
    docker.end(frame(1, bytes));
    stream.end();
    await sleep(50);
    assert.ok(stream.readableLength < 1_000_000, `${stream.readableLength} bytes are held`);
    assert.ok((await readAll(stream)).equals(bytes));
  });

  it('gives the last of its output also to one who reads only after the end', async () => {
    const { stream, docker } = await process();
    docker.end(frame(1, 'the last words'));
    stream.end();
    await sleep(50); // Docker's connection has closed by now
    assert.equal(`${await readAll(stream)}`, 'the last words');
  });

  it('is over when Docker cuts the connection', async () => {
    const { stream, docker } = await process();
    stream.resume();
    stream.on('error', () => {}); // how it is cut is not of interest
    const closed = new Promise((resolve) => stream.once('close', resolve));
    docker.resetAndDestroy();
    await closed;
  });

  it('is told the end when the stream is destroyed', async () => {
    const { stream, docker } = await process();
    docker.resume();
    const ended = once(docker, 'close');
    stream.destroy();
    docker.on('end', () => docker.end());
    await ended;
  });
});
