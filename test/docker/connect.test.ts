import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectDocker } from '../../src/docker/connect.ts';
import { DialStdio } from '../../src/docker/dial-stdio.ts';
import { removeContainer } from '../../src/docker/user-container.ts';
import { TpError } from '../../src/errors.ts';

/** A client of Docker's that does what the script says; it is the only program in the PATH. */
const directory = mkdtempSync(join(tmpdir(), 'tp-connect-'));
const clientThat = (script: string): NodeJS.ProcessEnv => {
  writeFileSync(join(directory, 'docker'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { PATH: `${directory}:${process.env.PATH}` };
};
const refusalOf = async (env: NodeJS.ProcessEnv): Promise<string> => {
  const error = await connectDocker(env).then(
    () => assert.fail('it answered'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TpError && error.code === 'TP_NO_DOCKER', String(error));
  return error.message;
};
after(() => rmSync(directory, { recursive: true }));

describe('a daemon by TCP', () => {
  const daemon = createServer((request, response) => {
    if (request.url === '/_ping') return response.end('OK');
    response.writeHead(400).end('first line\nsecond line\n');
  });
  let host = '';
  before(async () => {
    await once(daemon.listen(0, '127.0.0.1'), 'listening');
    host = `tcp://127.0.0.1:${(daemon.address() as AddressInfo).port}`;
  });
  after(() => daemon.close());

  it('answers, whatever certificates are named that are not asked for', async () => {
    const variables = { DOCKER_HOST: host, DOCKER_CERT_PATH: '/nowhere' };
    const previous = { ...process.env };
    Object.assign(process.env, variables); // docker-modem looks there by itself
    try {
      const { docker } = await connectDocker({ ...clientThat('exit 0'), ...variables });
      assert.equal(String(await docker.ping()), 'OK');
      assert.equal(process.env.DOCKER_HOST, host);
      await assert.rejects(docker.version(), /first line/);
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
      Object.assign(process.env, previous);
    }
  });

  it('that goes away later is told as one that never came', async () => {
    const passing = createServer((_request, response) => void response.end('OK'));
    await once(passing.listen(0, '127.0.0.1'), 'listening');
    const DOCKER_HOST = `tcp://127.0.0.1:${(passing.address() as AddressInfo).port}`;
    const { docker } = await connectDocker({ ...clientThat('exit 0'), DOCKER_HOST });
    passing.closeAllConnections();
    passing.close();
    await once(passing, 'close');
    const told = { name: 'TpError', code: 'TP_NO_DOCKER', message: /^Docker does not answer at tcp:/ };
    await assert.rejects(docker.version(), told);
    await assert.rejects(docker.getContainer('any').inspect(), told);
    await assert.rejects(removeContainer(docker.getContainer('any')), {
      ...told,
      message: 'containers of the session stay in Docker',
      hint: /^tp leave/,
    });
  });

  it('of which nothing is there is told in one line', async () => {
    const message = await refusalOf({ DOCKER_HOST: 'tcp://127.0.0.1:1' });
    assert.match(message, /^Docker does not answer at tcp:\/\/127\.0\.0\.1:1: connect ECONNREFUSED.*$/);
  });
});

describe("a daemon that Docker's client dials", () => {
  const DOCKER_HOST = 'ssh://somebody@somewhere';

  it('and does not reach is told in the words of the client, in one line', async () => {
    const env = clientThat('exec >&-; echo "no such key" >&2; echo "on this machine" >&2; exit 1');
    const message = await refusalOf({ ...env, DOCKER_HOST });
    assert.equal(message, `Docker does not answer at ${DOCKER_HOST}: no such key on this machine`);
  });

  it('without a word is told by its exit code', async () => {
    assert.match(
      await refusalOf({ ...clientThat('exit 7'), DOCKER_HOST }),
      /docker system dial-stdio: exit 7$/,
    );
  });

  it('carries bytes both ways, each way ended by itself', async () => {
    const stream = new DialStdio(clientThat('[ "$*" = "system dial-stdio" ] && wc -c && echo bye'));
    const sent = Buffer.alloc(3 * 1024 * 1024, 'x');
    stream.end(sent);
    let got = '';
    for await (const chunk of stream) got += chunk;
    assert.equal(got.replace(/\s+/g, ' ').trim(), `${sent.length} bye`);
  });

  it('is closed when the daemon ends it, so that no later request is sent into it', async () => {
    const stream = new DialStdio(clientThat('echo bye'));
    stream.write('a request that went before');
    await Promise.all([once(stream.resume(), 'end'), once(stream, 'close')]);
  });
});
