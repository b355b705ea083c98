import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { it } from 'node:test';
import { pack } from 'tar-stream';
import { Mounts } from '../../../images/network/mounts.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';
import { decodeRequest } from '../../../src/tunnel/request.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { tunnelPair } from '../../tunnel/tunnel-pair.ts';
import { until } from '../sockets.ts';

it('mounts are asked for side by side, but copies one after the other', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-mounts-'));
  try {
    const asked = new Map<string, TunnelStream>();
    const { agent } = await tunnelPair({
      onStream(stream, payload) {
        const request = decodeRequest(payload);
        if (request.kind === 'files' || request.kind === 'copy') asked.set(request.path, stream);
      },
    });
    const answer = async (path: string, before: string[]) => {
      await until(() => asked.has(path));
      assert.deepEqual([...asked.keys()].sort(), before); // which of two comes first is the disk's to say
      const stream = asked.get(path);
      assert.ok(stream);
      const archive = pack();
      archive.entry({ name: 'answer' }, JSON.stringify({ version: '', shows: 'nothing', left: [] }));
      archive.finalize();
      stream.accept();
      archive.pipe(stream);
      await finished(stream.resume());
    };
    const mounts = new Mounts(
      () => agent.tunnel,
      () => {},
    );
    const bringing = mounts.bring(
      ['/a', '/copy1', '/copy2', '/b'].map((path, index) => ({
        path,
        place: join(directory, `${index}`),
        follows: false,
        ...(path.startsWith('/copy') && { maxBytes: 1_000 }),
      })),
    );
    await until(() => asked.size === 2);
    await answer('/a', ['/a', '/b']);
    await answer('/copy1', ['/a', '/b', '/copy1']);
    await answer('/copy2', ['/a', '/b', '/copy1', '/copy2']);
    await answer('/b', ['/a', '/b', '/copy1', '/copy2']);
    const brought = await bringing;
    assert.deepEqual(
      brought.map(({ path, shows }) => `${path}: ${shows}`),
      ['/a: nothing', '/copy1: nothing', '/copy2: nothing', '/b: nothing'],
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('a mount that is refused together with being accepted is told as such, and the agent lives', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-mounts-'));
  try {
    const { agent } = await tunnelPair({
      onStream(stream) {
        stream.accept();
        stream.reset(ResetCode.internal, 'more than it may hold'); // both in one chunk of the link
      },
    });
    const mounts = new Mounts(
      () => agent.tunnel,
      () => {},
    );
    const [brought] = await mounts.bring([{ path: '/big', place: join(directory, '0'), follows: false }]);
    assert.equal(brought?.failure, 'more than it may hold');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
