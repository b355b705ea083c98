import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { LiveReport } from '../../src/status/session-status.ts';
import {
  askSession,
  removeSockets,
  serveReport,
  sessionSocket,
  sessionsWithSocket,
} from '../../src/status/socket.ts';

const SESSION = 'a1b2c3d4e5';
const REPORT: LiveReport = {
  labels: { 'tp/session': SESSION },
  since: '2026-11-23T09:00:00.000Z',
  services: [],
  ports: [],
  link: { state: 'connected' },
  features: [],
};
const previous = process.env.XDG_RUNTIME_DIR;
let runtime: string;
let stop: () => void;

beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'tp-status-'));
  process.env.XDG_RUNTIME_DIR = runtime;
  stop = () => {};
});
afterEach(() => {
  stop();
  if (previous === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = previous;
  rmSync(runtime, { recursive: true });
});

describe('the socket of a session', () => {
  it('is its user’s alone from the first moment, answers each asker, and goes with the session', async () => {
    const before = process.umask();
    stop = serveReport(SESSION, 'status', async () => REPORT);
    assert.equal(statSync(sessionSocket(SESSION)).mode & 0o777, 0o600);
    assert.equal(process.umask(), before);
    assert.deepEqual(sessionsWithSocket(), [SESSION]);
    assert.deepEqual(await Promise.all([askSession(SESSION), askSession(SESSION)]), [REPORT, REPORT]);
    stop();
    assert.equal(existsSync(sessionSocket(SESSION)), false);
    assert.equal(await askSession(SESSION), undefined);
  });

  it('that a killed process left gives nothing, and is removed', async () => {
    writeFileSync(sessionSocket(SESSION), '');
    assert.equal(await askSession(SESSION), undefined);
    removeSockets(SESSION);
    removeSockets(SESSION);
    assert.deepEqual(sessionsWithSocket(), []);
  });

  it('of a process that is stopped is not waited for', async () => {
    const server = createServer(() => {}).listen(sessionSocket(SESSION));
    await once(server, 'listening');
    const began = performance.now();
    assert.equal(await askSession(SESSION), undefined);
    assert.ok(performance.now() - began < 3_000);
    server.close();
  });

  it('whose answer never ends, or is no JSON, gives nothing', async () => {
    const endless = (socket: Socket) => {
      const write = () => void (socket.destroyed || socket.write('x'.repeat(64 * 1024), write));
      socket.on('error', () => {});
      write();
    };
    for (const answer of [endless, (socket: Socket) => void socket.end('{"labels"')]) {
      const server = createServer(answer).listen(sessionSocket(SESSION));
      await once(server, 'listening');
      assert.equal(await askSession(SESSION), undefined);
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('cuts off askers that stay, and takes no more than a few of them', async () => {
    stop = serveReport(SESSION, 'status', () => new Promise(() => {}));
    const askers = Array.from({ length: 32 }, () =>
      connect(sessionSocket(SESSION))
        .on('error', () => {})
        .resume(),
    );
    await Promise.all(askers.map((asker) => once(asker, 'close')));
  });

  it('does without, where the directory takes none', async () => {
    rmSync(runtime, { recursive: true });
    stop = serveReport(SESSION, 'status', async () => REPORT);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(sessionsWithSocket(), []);
    stop();
    stop = () => {};
    runtime = mkdtempSync(join(tmpdir(), 'tp-status-'));
  });
});
