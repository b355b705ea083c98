import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import type { Cluster } from '../../src/cluster/client.ts';
import type { Network } from '../../src/docker/network.ts';
import { TpError } from '../../src/errors.ts';
import type { SessionPlan } from '../../src/plan.ts';
import type { Progress } from '../../src/progress.ts';
import { Reporter } from '../../src/reporter.ts';
import type { Takeover } from '../../src/takeover.ts';

/** A reporter that follows a session, which is scripted here. */
function follow() {
  const agent = new EventEmitter();
  const said: string[] = [];
  const heard: number[][] = [];
  const progress = { say: (line: string) => said.push(line), warn: (line: string) => said.push(line) };
  const plan = { services: [{}], session: 'abc' } as unknown as SessionPlan;
  const reporter = new Reporter(progress as unknown as Progress, {} as Cluster, plan);
  const network = { agent, published: [] } as unknown as Network;
  const takeover = { listening: (ports: number[]) => heard.push(ports) } as unknown as Takeover;
  reporter.follow(network, takeover);
  return { agent, reporter, said, heard };
}

const codeOf = async (lost: Promise<never>): Promise<string> => {
  try {
    return await lost;
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return `${error.code}: ${error.message}`;
  }
};

describe('a session is lost', () => {
  it('with the agent, in its own words', async () => {
    const { agent, reporter } = follow();
    agent.emit('lost', new TpError('TP_AGENT_LOST', 'it ended'));
    assert.equal(await codeOf(reporter.lost), 'TP_AGENT_LOST: it ended');
  });
});

it('what the process listens on is handed to the takeover, and warnings to the person', () => {
  const { agent, said, heard } = follow();
  agent.emit('event', { event: 'listening', ports: [8080] });
  agent.emit('event', { event: 'warning', message: 'careful' });
  assert.deepEqual([heard, said], [[[8080]], ['careful']]);
});
