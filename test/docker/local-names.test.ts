import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { LocalNames } from '../../src/docker/local-names.ts';

describe('the names of the laptop', () => {
  it('have their addresses there, but for those that only a link of the laptop’s has', async () => {
    const answers: Record<string, string[]> = {
      git: ['192.0.2.7', '2001:db8::7', '192.0.2.7', 'fe80::1%eth0', 'fe80::2'],
      laptop: ['127.0.1.1'],
    };
    const names = new LocalNames(['git', 'laptop', 'nosuch'], async (name) => {
      const found = answers[name];
      if (!found) throw new Error('ENOTFOUND');
      return found;
    });
    assert.equal(await names.look(), true);
    assert.deepEqual(names.found, { git: ['192.0.2.7', '2001:db8::7'], laptop: ['127.0.1.1'], nosuch: [] });
    assert.deepEqual(names.addresses, ['192.0.2.7', '2001:db8::7']);
    assert.equal(await names.look(), false);
  });

  it('are looked up again every half a minute, until the end', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      let address = '192.0.2.1';
      const names = new LocalNames(['git'], async () => [address]);
      await names.look();
      const end = new AbortController();
      let changes = 0;
      names.follow(end.signal, () => changes++);
      const next = async () => {
        mock.timers.tick(30_000);
        await new Promise((resolve) => setImmediate(resolve));
      };
      await next();
      assert.equal(changes, 0);
      address = '192.0.2.2';
      await next();
      assert.equal(changes, 1);
      assert.deepEqual(names.found, { git: ['192.0.2.2'] });
      end.abort();
      address = '192.0.2.3';
      await next();
      assert.equal(changes, 1);
    } finally {
      mock.timers.reset();
    }
  });
});
