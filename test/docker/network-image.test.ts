import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { buildFor } from '../../src/docker/network-image.ts';
import { TpError } from '../../src/errors.ts';

describe('the network image', () => {
  it('is not made up for an architecture that nothing was built for', async () => {
    const options = { docker: {} as Dockerode, host: '', named: undefined, onStep: () => {} };
    await assert.rejects(buildFor(options, 's390x'), (error: unknown) => {
      assert.ok(error instanceof TpError);
      assert.equal(error.code, 'TP_NETWORK_IMAGE');
      assert.match(error.message, /s390x/);
      assert.match(error.hint ?? '', /--network-image/);
      return true;
    });
  });
});
