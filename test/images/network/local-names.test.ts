import assert from 'node:assert/strict';
import { it } from 'node:test';
import { answers } from '../../../images/network/local-names.ts';

it('names are answered with what is reached beside the cluster, and with the laptop for its loopback', () => {
  const names = { laptop: ['127.0.1.1', '::1'], git: ['192.0.2.7', '2001:db8::7'], nosuch: [] };
  assert.deepEqual(answers(names, ['172.17.0.1'], ['2001:db8::7']), {
    laptop: ['172.17.0.1'],
    git: ['192.0.2.7'],
    nosuch: [],
  });
});
