import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Originals } from '../../src/cluster/originals.ts';
import type { ProxyControl } from '../../src/cluster/proxy-control.ts';
import type { SessionPlan } from '../../src/plan.ts';
import type { ProbeResult } from '../../src/tunnel/control.ts';

const service = (name: string, ...ports: { pod: number; protocol?: 'UDP' }[]) => ({ name, ports });
const plan = {
  services: [
    service('web', { pod: 8080 }, { pod: 53, protocol: 'UDP' }),
    service('metrics', { pod: 9090 }, { pod: 8080 }),
  ],
} as unknown as SessionPlan;

/** Those that the proxy dials with these results, one after the other, and what it was asked. */
function originals(...results: ProbeResult[]) {
  const asked: [number[], number[]][] = [];
  const control = {
    async probe(ports: number[], udp: number[]) {
      asked.push([ports, udp]);
      return results[asked.length - 1];
    },
  } as unknown as ProxyControl;
  return { asked, found: new Originals(plan, () => control) };
}

describe('the original pods', () => {
  it('are dialled once on each port that a Service leads to', async () => {
    const { asked, found } = originals([{ port: 8080 }, { port: 9090 }]);
    await found.check();
    assert.deepEqual(asked, [[[8080, 9090], [53]]]);
  });

  it('are enough where one port answers', async () => {
    await originals([{ port: 8080 }, { port: 9090, failure: 'refused' }]).found.check();
  });

  it('are missed before anything depends on them, with why', async () => {
    const { found } = originals([
      { port: 8080, failure: 'refused' },
      { port: 53, protocol: 'UDP', failure: 'no pod' },
    ]);
    await assert.rejects(found.check(), {
      code: 'TP_NO_FALLBACK',
      message: /8080: refused; port 53.*: no pod/,
    });
  });

  it('that have just come are asked for until one answers', async () => {
    const none = [{ port: 8080, failure: 'no pod' }];
    const { asked, found } = originals(none, none, [{ port: 8080 }]);
    await found.areFound();
    assert.equal(asked.length, 3);
  });
});
