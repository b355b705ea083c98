import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { Mounts } from '../../../images/network/mounts.ts';
import { ResetCode } from '../../../src/tunnel/errors.ts';
import { tunnelPair } from '../../tunnel/tunnel-pair.ts';

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
