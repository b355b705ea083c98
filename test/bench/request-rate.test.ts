import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { requestRate } from '../../bench/client/request-rate.ts';

/** What is measured against such a server. */
async function against(listener: RequestListener, connections: number) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await requestRate({ task: 'rate', base, ms: 100, connections });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('requests per second', () => {
  it('are counted on all connections', async () => {
    const callers = new Map<number | undefined, number>();
    const { answered, perSecond } = await against(({ socket }, response) => {
      callers.set(socket.remotePort, (callers.get(socket.remotePort) ?? 0) + 1);
      response.end('ok\n');
    }, 5);
    assert.equal(callers.size, 5);
    assert.equal(
      answered,
      [...callers.values()].reduce((sum, count) => sum + count, 0),
    );
    // Of the first answer on each connection none is counted, and after the time at most one.
    assert.ok(perSecond > 0 && perSecond <= (answered - 5) / 0.09, `${perSecond}`);
  });

  it('are no figure where an answer is a bad one', () =>
    assert.rejects(
      against((_request, response) => response.writeHead(503).end('ok\n'), 2),
      /no good answer: HTTP\/1\.1 503/,
    ));

  it('are no figure where a connection ends', () =>
    assert.rejects(
      against(({ socket }) => void socket.end(), 2),
      /ended too early/,
    ));
});
