import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { AgentLog } from '../../../images/network/log.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-log-'));
after(() => rmSync(directory, { recursive: true }));

/** What a log writes into a file. */
function written(work: (log: AgentLog) => void): string {
  const path = join(directory, 'log');
  writeFileSync(path, '');
  const log = new AgentLog(path);
  work(log);
  log.close();
  return readFileSync(path, 'utf8');
}

describe("the agent's log", () => {
  it('has a line with the time for each event', () => {
    const text = written((log) => {
      log.event({ event: 'started' });
      log.event({ event: 'linked', resumed: false });
      log.event({ event: 'unlinked', reason: 'no heartbeat', kept: true });
      log.event({ event: 'linked', resumed: true });
      log.event({ event: 'unlinked', reason: 'the other end is gone', kept: false });
      log.event({ event: 'listening', ports: [8080, 9090], udp: [] });
      log.event({ event: 'listening', ports: [], udp: [] });
      log.event({ event: 'warning', message: 'no route' });
    });
    const lines = text.trimEnd().split('\n');
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /);
    assert.deepEqual(
      lines.map((line) => line.slice(line.indexOf(' ') + 1)),
      [
        'the agent takes links',
        'linked to the proxy',
        'unlinked, connections wait for another link: no heartbeat',
        'linked to the proxy again: connections go on',
        'unlinked: the other end is gone',
        'listening on 8080, 9090',
        'listening on no port',
        'warning: no route',
      ],
    );
  });

  it('keeps a text of several lines in one, and cuts one that has no end', () => {
    const text = written((log) => {
      log.say('Error: no\n    at a\n    at b\n');
      log.say('x'.repeat(100_000));
    });
    const [first = '', second = ''] = text.split('\n');
    assert.match(first, /Error: no \| at a \| at b$/);
    assert.equal(Buffer.byteLength(second) + 1, 4_096);
  });

  it('holds nobody up where nobody reads, or where there is no log', () => {
    new AgentLog('/nowhere/at/all').say('nobody hears');
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, 'r+');
    const log = new AgentLog(path);
    for (let line = 0; line < 1_000; line++) log.say('x'.repeat(1_000)); // a pipe takes 64 KiB
    log.close();
    closeSync(reader);
  });

  it('says why the agent crashes, which it does as always', () => {
    const path = join(directory, 'crash');
    const module = join(import.meta.dirname, '../../../images/network/log.ts');
    const script = `
      import { AgentLog } from '${module}';
      new AgentLog('${path}').followCrashes();
      setTimeout(() => { throw new Error('no more'); });`;
    writeFileSync(path, '');
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /Error: no more/);
    assert.match(readFileSync(path, 'utf8'), /Z crashed: Error: no more \| at /);
  });
});
