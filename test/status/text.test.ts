import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SessionStatus } from '../../src/status/session-status.ts';
import { statusText } from '../../src/status/text.ts';

const since = '2026-11-23T09:00:00.000Z';
const NOW = Date.parse('2026-11-23T11:30:00.000Z');
const SESSION: SessionStatus = {
  session: 'a1b2c3d4e5',
  process: 'running',
  owner: { user: 'ann', host: 'desk' },
  since,
  workload: 'deployment/shop',
  context: 'staging',
  namespace: 'shop',
  services: [],
  ports: [],
  link: { state: 'connected', since },
  features: [],
};
const text = (more: Partial<SessionStatus>) => statusText([{ ...SESSION, ...more }], NOW);

describe('sessions for a person', () => {
  it('are told with what is known, and nothing about the rest', () => {
    assert.match(
      text({}),
      /^a1b2c3d4e5 {2}deployment\/shop {2}staging\/shop\n {2}whose {5}ann@desk, since 2026-11-23 \d\d:00 \(2 h\)\n {2}process {3}running\n {2}link {6}connected for 2 h$/,
    );
  });

  it('have the figures of a live one', () => {
    const link = {
      state: 'connecting' as const,
      since: '2026-11-23T11:29:20.000Z',
      roundTripMs: 1.234,
      sentBytes: 5 * 2 ** 20,
      receivedBytes: 512,
      reconnects: 1,
      streams: 2,
    };
    assert.match(
      text({ link }),
      /connecting again for 40 s, round trip 1.2 ms, 2 open streams, 5.0 MiB sent,\n {12}512 B received, 1 reconnect$/,
    );
  });

  it('say of a Service whether it leads there, where that is known', () => {
    const ports = [{ port: 80, pod: 8080 }];
    const services = [
      { name: 'one', ports, switched: true },
      { name: 'two', ports, switched: false },
      { name: 'three', ports },
    ];
    assert.match(
      text({ services }),
      /one \(80 -> 8080\) switched, two \(80 -> 8080\) not switched, three \(80 -> 8080\)$/,
    );
  });

  it('say which ports of 127.0.0.1 lead where', () => {
    const loopback = {
      toPod: [{ port: 8125, protocol: 'udp' as const }],
      fromPod: [{ port: 9000, protocol: 'tcp' as const }],
    };
    assert.match(
      text({ loopback }),
      /\n {2}127\.0\.0\.1 8125\/udp -> the pod's, 9000 of the pod -> the process's$/,
    );
    assert.doesNotMatch(text({ loopback: { toPod: [], fromPod: [] } }), /127/);
  });

  it('fit a terminal, however many they hold', () => {
    const services = Array.from({ length: 20 }, (_, at) => ({
      name: `service-${at}`,
      ports: [{ port: 80, pod: 'http' }],
      switched: true,
    }));
    const lines = text({ services }).split('\n');
    assert.ok(lines.length > 10);
    assert.ok(lines.every((line) => line.length <= 100));
  });

  it('name the command for those that have ended', () => {
    assert.match(text({ process: 'ended', link: { state: 'gone' } }), /has ended: tp leave a1b2c3d4e5\n/);
  });

  it('do not bring a terminal what others wrote into the cluster', () => {
    assert.doesNotMatch(text({ workload: 'a\u001b[2Jb' }), /\u001b/);
  });
});
