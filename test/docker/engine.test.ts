import assert from 'node:assert/strict';
import { hostname, release } from 'node:os';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { describeEngine } from '../../src/docker/engine.ts';

const HERE = {
  Name: hostname(),
  KernelVersion: release(),
  OSType: 'linux',
  OperatingSystem: 'Debian GNU/Linux 12',
};

const engine = (info: object, host = 'unix:///var/run/docker.sock', components: string[] = ['Engine']) =>
  describeEngine(
    {
      version: async () => ({
        Version: '28.1.0',
        Arch: 'amd64',
        Components: components.map((Name) => ({ Name })),
      }),
      info: async () => info,
    } as unknown as Dockerode,
    host,
  );

describe('a Docker', () => {
  it('is told by kind', async () => {
    assert.equal((await engine(HERE)).kind, 'Docker Engine');
    assert.equal((await engine({ ...HERE, OperatingSystem: 'Docker Desktop' })).kind, 'Docker Desktop');
    assert.equal((await engine({ ...HERE, Name: 'colima' })).kind, 'colima');
    assert.equal(
      (await engine({ ...HERE, SecurityOptions: ['name=rootless'] })).kind,
      'Docker Engine, rootless',
    );
    assert.equal((await engine(HERE, undefined, ['Podman Engine'])).kind, 'Podman');
  });

  it('is told by where it runs', { skip: process.platform !== 'linux' }, async () => {
    assert.equal((await engine(HERE)).place, 'this Linux');
    assert.equal((await engine({ ...HERE, KernelVersion: '5.10-linuxkit' })).place, 'a virtual machine here');
    assert.equal((await engine(HERE, 'tcp://10.0.0.1:2376')).place, 'another machine');
    assert.equal((await engine(HERE, 'ssh://me@build')).place, 'another machine');
  });
});
