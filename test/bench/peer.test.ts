import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Peer, type PeerFile } from '../../bench/peer.ts';

describe('a peer', () => {
  let server: Server;
  let url: string;
  let directory: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bench-peer-'));
    server = createServer((_request, response) => response.end('ok\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  const path = (name: string) => join(directory, name);
  const file = (more: Partial<PeerFile>): PeerFile => ({
    name: 'other',
    start: ['true'],
    enter: ['env'],
    ...more,
  });
  const shell = (script: string) => ['sh', '-c', script];

  it('is started with the kubeconfig of the link, and ended by SIGINT and its own command', async () => {
    const start = shell(
      `echo "$KUBECONFIG" > ${path('began')}; trap 'touch ${path('told')}; exit' INT; while :; do sleep 0.05; done`,
    );
    const stop = shell(`touch ${path('stopped')}`);
    {
      await using peer = new Peer(file({ start, stop }), '/the/kubeconfig');
      assert.ok((await peer.start(url)) > 0);
      assert.deepEqual(peer.place, ['env']);
      assert.equal(readFileSync(path('began'), 'utf8'), '/the/kubeconfig\n');
      assert.ok(!existsSync(path('stopped')));
    }
    assert.ok(existsSync(path('told')));
    assert.ok(existsSync(path('stopped')));
  });

  it('may end when it has set something up', async () => {
    await using peer = new Peer(file({}), '');
    assert.ok((await peer.start(url)) > 0);
  });

  it('says why it did not start', async () => {
    await using peer = new Peer(file({ start: shell('echo no licence >&2; exit 3') }), '');
    await assert.rejects(peer.start('http://127.0.0.1:1'), /other did not start: .*no licence/s);
  });
});
