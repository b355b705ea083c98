// What tests and measurements ask of a service.

import { createCipheriv, createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Router } from 'express';

export const probes = Router();

probes.get('/healthz', (_request, response) => response.type('text').send('ok\n'));

// Who answers: cheap, for a steady load.
probes.get('/who', (_request, response) => response.json({ hostname: hostname() }));

probes.get('/env', (_request, response) => response.json(process.env));

probes.get('/peer', ({ socket }, response) => {
  response.json({
    remote: { address: ipv4(socket.remoteAddress), port: socket.remotePort },
    local: { address: ipv4(socket.localAddress), port: socket.localPort },
  });
});

probes.get('/sleep', async ({ query }, response) => {
  await sleep(Number(query.ms ?? 1000));
  response.type('text').send('slept\n');
});

/** The sum and the length of whatever is sent. */
probes.post('/sha256', async (request, response) => {
  response.json(await digest(request));
});

/** `n` bytes that depend on `seed` (default 0) and their position, as fast as the client takes them. */
probes.get('/bytes', async ({ query }, response) => {
  response.set({ 'content-type': 'application/octet-stream', 'content-length': Number(query.n) });
  // A client that leaves early is no error of the service.
  await pipeline(Readable.from(pseudoRandom(query)), response).catch(() => {});
});

/** What /bytes with the same query has to arrive as. */
probes.get('/bytes/sha256', async ({ query }, response) => {
  response.json(await digest(pseudoRandom(query)));
});

/** The keystream of AES in counter mode: fast, repeatable, and no two blocks alike. */
function* pseudoRandom({ n, seed = '0' }) {
  const key = createHash('sha256').update(String(seed)).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(256 * 1024);
  for (let left = Number(n); left > 0; left -= zeros.length) {
    yield cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
  }
}

async function digest(chunks) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** A socket that listens for IPv6 too shows IPv4 addresses mapped. */
function ipv4(address) {
  return address.replace(/^::ffff:/, '');
}
