/** A Docker that cannot be reached: one line in the words of who knows why, a hint, and nothing is changed. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RemoteDocker, remoteDocker } from './harness/remote-docker.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

/** A configuration of Docker's client, whose current context is gone. */
const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-no-docker-'));
writeFileSync(join(directory, 'config.json'), JSON.stringify({ currentContext: 'gone' }));
const certificates = join(directory, 'certificates');
mkdirSync(certificates);
let remote: RemoteDocker;

/** Scenarios as data: variables of tp's environment, and what is said. */
const WAYS: { what: string; env: () => NodeJS.ProcessEnv; says: RegExp }[] = [
  {
    what: 'nobody listens there',
    env: () => ({ DOCKER_HOST: `tcp://${remote.address}:1` }),
    says: /does not answer at tcp:\/\/\S+: connect ECONNREFUSED .*\[TP_NO_DOCKER\]/,
  },
  {
    what: 'nobody listens there, by TLS',
    env: () => ({ ...remote.tls, DOCKER_HOST: `tcp://${remote.address}:1` }),
    says: /does not answer at tcp:\/\/\S+: connect ECONNREFUSED .*\[TP_NO_DOCKER\]/,
  },
  {
    what: 'nobody listens there, by ssh',
    env: () => ({ ...remote.ssh, DOCKER_HOST: `ssh://root@${remote.address}:1` }),
    says: /does not answer at ssh:\/\/\S+: .*Connection refused.*\[TP_NO_DOCKER\]/,
  },
  {
    what: 'ssh does not know the machine',
    env: () => ({ DOCKER_HOST: remote.ssh.DOCKER_HOST }),
    says: /does not answer at ssh:\/\/\S+: .*Host key verification failed.*\[TP_NO_DOCKER\]/,
  },
  {
    what: 'it wants TLS',
    env: () => ({ DOCKER_HOST: remote.tls.DOCKER_HOST }),
    says: /does not answer at tcp:\/\/\S+: .*HTTP request to an HTTPS server.*\[TP_NO_DOCKER\]/,
  },
  {
    what: 'certificates that are not there',
    env: () => ({ ...remote.tls, DOCKER_CERT_PATH: '/nowhere' }),
    says: /there is no \S+\/ca\.pem \[TP_DOCKER_CONFIG\]/,
  },
  {
    what: 'no certificate of our own',
    env: () => ({ ...remote.tls, DOCKER_CERT_PATH: certificates }),
    says: /does not answer at tcp:\/\/\S+: .*bad certificate \[TP_NO_DOCKER\]/,
  },
  {
    what: 'a context that is gone',
    env: () => ({ DOCKER_CONFIG: directory, DOCKER_CONTEXT: 'gone' }),
    says: /context "gone" names no endpoint \[TP_DOCKER_CONTEXT\]/,
  },
  {
    what: 'a current context that is gone',
    env: () => ({ DOCKER_CONFIG: directory }),
    says: /context "gone" names no endpoint \[TP_DOCKER_CONTEXT\]/,
  },
];

describe('without a Docker', () => {
  before(async () => {
    remote = await remoteDocker();
    copyFileSync(join(remote.tls.DOCKER_CERT_PATH, 'ca.pem'), join(certificates, 'ca.pem'));
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await remote[Symbol.asyncDispose]();
  });

  for (const { what, env, says } of WAYS) {
    test(what, async () => {
      const previous = await snapshot();
      const command = new Tp(['docker-run', 'examplecom/servicename'], { env: env() });
      assert.equal(await command.exited, 125, command.stderr);
      assert.match(command.stderr, says);
      const lines = command.stderr.split('\n').filter((line) => line && !line.startsWith('  '));
      assert.equal(lines.length, 1, command.stderr);
      assert.deepEqual(await snapshot(), previous);
    });
  }
});
