import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type Scenario, same } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  written: 'docker-compose.tp.yml',
  asks: [['web', 'http://cache/', /^from the override$/]],
  async check({ directory, node }) {
    await node('web', same('process.env.LEVEL', 'override'));
    assert.match(await (await fetch('http://127.0.0.1:18121/who')).text(), /"hostname"/);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.includes('compose')),
      ['compose.override.yaml', 'compose.yaml', 'docker-compose.tp.yml'],
    );
  },
} satisfies Scenario;
