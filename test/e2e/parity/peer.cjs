/**
 * A peer in the cluster that does as its port says, so that a process can be asked what it saw of it. What became of a
 * connection, as the peer saw it, is told under the token that was sent on it, by port 7000.
 */
const { spawn } = require('node:child_process');
const { createSocket } = require('node:dgram');
const { connect, createServer } = require('node:net');

const fates = new Map();
const fate = (token) => {
  if (!fates.has(token)) fates.set(token, Promise.withResolvers());
  return fates.get(token);
};

/** Listens, and follows each connection to its end: what was heard on it is its token. */
const serve = (port, onSocket) =>
  createServer({ allowHalfOpen: true }, (socket) => {
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    socket.on('end', () => fate(heard).resolve('ended'));
    socket.on('error', ({ code }) => fate(heard).resolve(code));
    onSocket(socket, () => heard);
  }).listen(port);

serve(7000, (socket) => socket.on('data', async (token) => socket.end(await fate(`${token}`).promise)));
serve(7001, (socket) => socket.once('data', () => socket.resetAndDestroy()));
serve(7002, (socket) => socket.end('over'));
serve(7003, (socket) => socket.write('hello'));
serve(7004, (socket, heard) => socket.on('end', () => socket.end(`heard ${heard()}`)));
serve(7005, () => {});
serve(7006, (socket) => socket.resetAndDestroy());
serve(7007, (socket) => socket.end(`${socket.remoteAddress.replace('::ffff:', '')} ${socket.remotePort}`));

// 7008 accepts nobody: its queue is full of connections of ours, so that the kernel lets further SYNs lie.
const BLOCKED = `
  require('node:net').createServer().listen({ port: 7008, backlog: 1 }, () => {
    console.log('listening');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
const blocked = spawn(process.execPath, ['-e', BLOCKED], { stdio: ['ignore', 'pipe', 'inherit'] });
blocked.stdout.once('data', () => {
  for (let at = 0; at < 3; at++) connect(7008, '127.0.0.1').on('error', () => {});
});

// By UDP: 7100 tells what came and of whom, 7101 sends as many bytes as it is asked for, 7102 has another port answer.
const udp = (port, answer) => {
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => answer(message, from, socket));
  socket.bind(port);
  return socket;
};
udp(7100, (message, { address, port }, socket) => {
  const whole = message.every((byte) => byte === 'x'.charCodeAt(0));
  socket.send(JSON.stringify({ bytes: message.length, whole, address, port }), port, address);
});
udp(7101, (message, { address, port }, socket) =>
  socket.send(Buffer.alloc(Number(message), 'x'), port, address),
);
const other = udp(7103, () => {});
udp(7102, (_message, { address, port }) => other.send('from another port', port, address));

process.on('SIGTERM', () => {
  blocked.kill('SIGKILL');
  process.exit(0);
});
