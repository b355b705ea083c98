import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LINK_SOCKET } from '../../images/network/messages.ts';
import {
  connectToAgent,
  linkDirectory,
  makeLinkDirectory,
  removeLinkDirectory,
} from '../../src/docker/link-directory.ts';

const HERE = 'unix:///var/run/docker.sock';
const previous = process.env.XDG_RUNTIME_DIR;
let runtime: string;

beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'tp-runtime-'));
  process.env.XDG_RUNTIME_DIR = runtime;
});
afterEach(() => {
  if (previous === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = previous;
  rmSync(runtime, { recursive: true });
});

describe('the directory that is shared with the network container', () => {
  it('is the user’s alone, on a Linux that may be Docker’s own', () => {
    const directory = makeLinkDirectory('abc', HERE);
    assert.equal(directory, process.platform === 'linux' ? join(runtime, 'tp-abc') : undefined);
    if (directory) assert.equal(statSync(directory).mode & 0o777, 0o700);
  });

  it('is never one that was there already', () => {
    mkdirSync(join(runtime, 'tp-abc'));
    if (process.platform === 'linux') assert.throws(() => makeLinkDirectory('abc', HERE), { code: 'EEXIST' });
    else assert.equal(makeLinkDirectory('abc', HERE), undefined);
  });

  it('is none where Docker is elsewhere', () => {
    for (const host of ['tcp://10.0.0.1:2375', 'http://localhost:2375', 'ssh://me@host']) {
      assert.equal(makeLinkDirectory('abc', host), undefined);
    }
    assert.equal(existsSync(linkDirectory('abc')), false);
  });

  it('goes with what is in it, and may have gone already', () => {
    makeLinkDirectory('abc', HERE);
    if (existsSync(linkDirectory('abc'))) writeFileSync(join(linkDirectory('abc'), LINK_SOCKET), '');
    removeLinkDirectory('abc');
    removeLinkDirectory('abc');
    assert.equal(existsSync(linkDirectory('abc')), false);
  });

  it('leads to the agent where it is shared in truth, and to nobody where only in name', async () => {
    assert.equal(await connectToAgent(join(runtime, 'tp-nowhere')), undefined);
    const path = join(runtime, LINK_SOCKET);
    const agent: Server = createServer((socket) => socket.end('agent'));
    await new Promise<void>((resolve) => agent.listen(path, resolve));
    const socket = await connectToAgent(runtime);
    assert.ok(socket);
    const parts: Buffer[] = [];
    for await (const chunk of socket) parts.push(chunk as Buffer);
    assert.equal(`${Buffer.concat(parts)}`, 'agent');
    await new Promise((resolve) => agent.close(resolve));
  });
});
