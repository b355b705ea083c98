import assert from 'node:assert/strict';
import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [['web', 'http://cache/', /^from cache$/]],
  says: [/published: 127\.0\.0\.1:18112 -> 9091\/tcp/, /published: 127\.0\.0\.1:1811[3-9] -> 7777\/udp/],
  async check() {
    assert.match(await (await fetch('http://127.0.0.1:18110/who')).text(), /"hostname"/);
    assert.match(await (await fetch('http://127.0.0.1:18111/')).text(), /requests_total/);
  },
} satisfies Scenario;
