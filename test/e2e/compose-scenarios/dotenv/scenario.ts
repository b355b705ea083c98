import assert from 'node:assert/strict';
import { type Scenario, same } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  written: 'docker-compose.tp.yml',
  asks: [['web', 'http://cache/', /^from it costs \$5$/]],
  async check({ node }) {
    await node('web', same('process.env.PROJECT', 'tp-e2e-dotenv'));
    assert.match(await (await fetch('http://127.0.0.1:18131/who')).text(), /"hostname"/);
  },
} satisfies Scenario;
