import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { DOCKER_RUN_FLAGS, type DockerRunFlags, flagNames } from '../../src/flags.ts';
import { DEFAULTS } from './defaults.ts';

function parsed(...words: string[]): DockerRunFlags {
  const command = new Command('docker-run').exitOverride().configureOutput({ writeErr: () => {} });
  for (const option of DOCKER_RUN_FLAGS) command.addOption(option);
  command.parse(words, { from: 'user' });
  return command.opts<DockerRunFlags>();
}

describe('tp’s own flags', () => {
  it('need not be given', () => assert.deepEqual(parsed(), DEFAULTS));

  it('that are repeatable come in their order, and do not leak into the next parse', () => {
    assert.deepEqual(parsed('--service', 'a', '--service=b', '--port', '1:2').service, ['a', 'b']);
    assert.deepEqual(parsed(), DEFAULTS);
  });

  it('say no to what is so by itself', () => {
    const { inbound, fallback, workload } = parsed('--no-inbound', '--no-fallback', '--no-workload');
    assert.deepEqual([inbound, fallback, workload], [false, false, false]);
  });

  it('name a workload', () => assert.equal(parsed('--workload', 'sts/db').workload, 'sts/db'));

  it('refuse a format that does not exist', () => {
    assert.throws(() => parsed('--output', 'json'), /Allowed choices are yaml/);
    assert.equal(parsed('--output', 'yaml').output, 'yaml');
  });

  it('take seconds as a number', () => {
    assert.equal(parsed('--wait-ready', '0').waitReady, 0);
    assert.equal(parsed('--wait-ready=2.5').waitReady, 2.5);
    for (const wrong of ['-1', '', 'soon', '1e3', '3601', 'Infinity']) {
      assert.throws(() => parsed(`--wait-ready=${wrong}`), /a number of seconds, at most 3600/, wrong);
    }
  });

  it('take ranges that routes can be made of', () => {
    const ranges = ['192.168.10.0/24', '10.1.2.3', '10.1.2.3/32', '0.0.0.0/0', 'fd00:1::/32'];
    const words = ranges.flatMap((each) => ['--local-cidr', each]);
    assert.deepEqual(parsed(...words).localCidr, ranges);
    for (const wrong of [
      '',
      'here',
      '10.1/16',
      '10.1.0.0/33',
      '10.1.0.0/',
      '10.1.0.0/8/8',
      '10.1.0.0/-1',
      '/8',
    ])
      assert.throws(() => parsed('--local-cidr', wrong), /a range of addresses, such as/, wrong);
    assert.throws(() => parsed('--local-cidr', '10.1.2.3/16'), /within a range: 10\.1\.0\.0\/16/);
  });

  it('take whole names of hosts', () => {
    const words = ['Git.Example.com.', 'laptop', 'a_b.local'].flatMap((each) => ['--local-name', each]);
    assert.deepEqual(parsed(...words).localName, ['git.example.com', 'laptop', 'a_b.local']);
    for (const wrong of [
      '',
      '.',
      '*.example.com',
      'a..b',
      '-a',
      'a-',
      '10.1.2.3',
      'fd00::1',
      'a b',
      'x'.repeat(64),
      `${'a.'.repeat(127)}a`,
    ])
      assert.throws(() => parsed('--local-name', wrong), /the whole name of a host, such as/, wrong);
  });

  it('take volumes with amounts as Kubernetes writes them', () => {
    const words = ['data', 'data=500Mi', 'data=5Gi', 'data=1e9'].flatMap((each) => ['--volume-copy', each]);
    assert.deepEqual(parsed(...words).volumeCopy, ['data', 'data=500Mi', 'data=5Gi', 'data=1e9']);
    for (const wrong of ['', '=5Gi', 'data=', 'data=much', 'data=5GB', 'data=0', 'data=-1Gi', 'data=99999Ei'])
      assert.throws(() => parsed('--volume-copy', wrong), /NAME or NAME=SIZE, such as data=500Mi/, wrong);
  });

  it('are known to the splitter, each with whether it takes a value', () => {
    const names = flagNames(DOCKER_RUN_FLAGS);
    for (const [name, takesValue] of names) {
      const given = () => parsed(name);
      if (takesValue) assert.throws(given, /argument missing/, name);
      else assert.doesNotThrow(given, name);
    }
    assert.equal(names.get('-n'), true);
    assert.equal(names.get('--no-workload'), false);
    assert.equal(names.get('--rm'), undefined);
  });
});
