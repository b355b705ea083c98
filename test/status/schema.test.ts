import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { STATUS_SCHEMA } from '../../src/status/schema.ts';
import type { SessionStatus } from '../../src/status/session-status.ts';

const validate = new Ajv2020({ strict: false, formats: { 'date-time': true } }).compile(STATUS_SCHEMA);

/** All that can be said of a session. */
const WHOLE: Required<SessionStatus> = {
  session: 'a1b2c3d4e5',
  process: 'running',
  owner: { user: 'ann', host: 'desk' },
  since: '2026-11-23T09:00:00.000Z',
  workload: 'deployment/shop',
  context: 'staging',
  namespace: 'shop',
  held: 'tp-shop',
  services: [{ name: 'shop', ports: [{ port: 80, pod: 'http' }], switched: true }],
  ports: [{ pod: 8080, process: 3000 }],
  loopback: { toPod: [{ port: 8125, protocol: 'udp' }], fromPod: [{ port: 9000, protocol: 'tcp' }] },
  link: {
    state: 'connected',
    since: '2026-11-23T09:00:02.000Z',
    roundTripMs: 1.5,
    sentBytes: 1,
    receivedBytes: 2,
    reconnects: 0,
    streams: 3,
  },
  proxy: { pod: 'tp-shop-a1b2c3d4e5-x', ready: true },
  features: ['TUN device'],
};

describe('the schema of tp status', () => {
  it('takes all that can be said, and the least', () => {
    assert.ok(validate([WHOLE]), JSON.stringify(validate.errors));
    const { session, process, context, namespace } = WHOLE;
    const least = { services: [], ports: [], link: { state: 'unknown' }, features: [] };
    assert.ok(
      validate([{ session, process, context, namespace, ...least }]),
      JSON.stringify(validate.errors),
    );
    assert.ok(validate([]));
  });

  it('takes nothing else: what is new has to be declared', () => {
    assert.ok(!validate([{ ...WHOLE, more: 1 }]));
    assert.ok(!validate([{ ...WHOLE, link: { ...WHOLE.link, more: 1 } }]));
    assert.ok(!validate([{ ...WHOLE, process: 'asleep' }]));
    assert.ok(!validate(WHOLE));
  });
});
