import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { dockerLabels, mayLive, newSessionId, type Owner, ownOwner, readOwner } from '../../src/labels.ts';

const LABELS = new URL('../../src/labels.ts', import.meta.url).href;

/** A process like tp itself, which says who it is and then waits. */
async function otherOwner(): Promise<{ owner: Owner; end(): Promise<void> }> {
  const script = `import { ownOwner } from ${JSON.stringify(LABELS)};
    console.log(JSON.stringify(ownOwner())); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const end = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return { owner: JSON.parse(`${line}`) as Owner, end };
}

describe('the owner of a session', () => {
  it('names person, machine and process', () => {
    const owner = ownOwner();
    assert.equal(owner.user, userInfo().username);
    assert.equal(owner.host, hostname());
    assert.equal(owner.pid, process.pid);
    assert.match(owner.machine, /^[0-9a-f]{12}$/);
    assert.ok(owner.started.length > 0);
  });

  it('lives while its process does', async () => {
    assert.equal(mayLive(ownOwner()), true);
    const { owner, end } = await otherOwner();
    assert.equal(owner.machine, ownOwner().machine);
    assert.equal(mayLive(owner), true);
    await end();
    assert.equal(mayLive(owner), false);
  });

  it('is not the process that has its number now', () => {
    const owner = ownOwner();
    const [boot, ticks] = owner.started.split('-');
    assert.equal(mayLive({ ...owner, started: `${boot}-${Number(ticks) - 1}` }), false);
    assert.equal(mayLive({ ...owner, started: `00000000-${ticks}` }), false, 'the machine has booted since');
    assert.equal(mayLive({ ...owner, pid: process.ppid }), false);
  });

  it('does not live once it has ended, though its parent has not heard of it', async () => {
    // A shell whose child ends when the shell has become another program, which never asks for it.
    const untilExec = 'while [ "$(cat /proc/$$/comm)" = sh ]; do :; done';
    const shell = spawn('sh', ['-c', `(${untilExec}) & echo $!; exec sleep 30`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [line] = (await once(shell.stdout, 'data')) as [Buffer];
      const pid = Number(line);
      while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await setImmediate();
      const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19];
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
      assert.equal(mayLive({ ...ownOwner(), pid, started: `${boot}-${ticks}` }), false);
    } finally {
      shell.kill();
    }
  });

  it('on another machine may live: nobody here can know', () => {
    assert.equal(mayLive({ ...ownOwner(), machine: 'ffffffffffff', pid: 1, started: '' }), true);
  });

  it('that nobody knows does not live', () => assert.equal(mayLive(undefined), false));

  it('has the same machine each time, and another one in a container of the same image', () => {
    assert.equal(ownOwner().machine, ownOwner().machine);
    // A container's name is its own, while its machine-id is its image's: empty, or the same for everybody.
    const script = `import os from 'node:os'; import { syncBuiltinESMExports } from 'node:module';
      os.hostname = () => 'another-container'; syncBuiltinESMExports();
      const { ownOwner } = await import(${JSON.stringify(LABELS)}); console.log(ownOwner().machine);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.match(child.stdout, /^[0-9a-f]{12}\n$/, child.stderr);
    assert.notEqual(child.stdout.trim(), ownOwner().machine);
  });
});

describe('a label with an owner', () => {
  it('is read as it was written', () => {
    const owner = ownOwner();
    const labels = dockerLabels('abc', owner, { context: 'ctx', namespace: 'ns' });
    assert.deepEqual(readOwner(labels['tp/owner']), owner);
    assert.equal(labels['tp/session'], 'abc');
    assert.equal(labels['tp/context'], 'ctx');
    assert.equal(labels['tp/namespace'], 'ns');
  });

  for (const text of [undefined, '', 'x', '{', 'null', '[]', '7', '{"pid":"7","machine":"a"}', '{"pid":7}']) {
    it(`${text} is of nobody`, () => assert.equal(readOwner(text), undefined));
  }
});

describe('a session id', () => {
  it('is a DNS label, short, and new each time', () => {
    const ids = new Set(Array.from({ length: 100 }, newSessionId));
    assert.equal(ids.size, 100);
    for (const id of ids) assert.match(id, /^[a-z0-9]{10}$/);
  });
});
