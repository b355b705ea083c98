/** Who may reach the tunnel, and where neither the session's token nor what is secret in a kubeconfig is to be seen. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { SessionStatus } from '../../src/status/session-status.ts';
import { FrameDecoder } from '../../src/tunnel/decode.ts';
import { CloseCode } from '../../src/tunnel/errors.ts';
import { FrameType } from '../../src/tunnel/frame.ts';
import { encodePreamble, TOKEN_BYTES } from '../../src/tunnel/preamble.ts';
import { inCluster, kubeconfig, kubectl, kubectlJson } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { tp as runTp, Tp } from './harness/tp.ts';

const NAME = 'tp-e2e-security';

interface Config {
  tokenSha256: string;
  tunnelPort: number;
  healthPort: number;
}

describe('a session', () => {
  let tp: Tp;
  let config: Config;
  let pod: { metadata: { name: string }; status: { podIPs: { ip: string }[] } };

  before(async () => {
    tp = await Tp.session(['--name', NAME, 'examplecom/servicename'], /Service servicename is switched/);
    const ofSession = ['-l', `tp/session=${tp.session}`];
    const maps = await kubectlJson<{ items: { data: Record<string, string> }[] }>(
      'get',
      'configmaps',
      ...ofSession,
    );
    config = JSON.parse(maps.items[0]?.data['config.json'] ?? '') as Config;
    const pods = await kubectlJson<{ items: (typeof pod)[] }>('get', 'pods', ...ofSession);
    [pod = pod] = pods.items;
  });
  after(() => tp.end());

  test('is not reached from another pod: its tunnel listens on the loopback of its own', async () => {
    for (const { ip } of pod.status.podIPs) {
      const seen = await inCluster(`
        import { connect } from 'node:net';
        connect({ host: '${ip}', port: ${config.tunnelPort} })
          .on('connect', () => (console.log('connected'), process.exit()))
          .on('error', ({ code }) => console.log(code));`);
      assert.equal(seen.trim(), 'ECONNREFUSED', ip);
    }
  });

  test('lets nobody without its key use the way of a straight link', async () => {
    // It moves there when the cluster has told the pod's address.
    await eventually(
      async () => JSON.parse((await runTp('status', '--output', 'json')).stdout) as SessionStatus[],
      ([status]) => status?.features.includes('link straight from the API server to the pod') ?? false,
    );
    for (const { ip } of pod.status.podIPs) {
      const seen = await inCluster(`
        import { request } from 'node:http';
        import { connect } from 'node:tls';
        const headers = { Connection: 'Upgrade', Upgrade: 'tplink' };
        request({ host: '${ip}', port: ${config.healthPort}, headers })
          .on('upgrade', (_response, socket) => {
            const psk = Buffer.alloc(32, 7);
            connect({ socket, ciphers: 'TLS_AES_128_GCM_SHA256', pskCallback: () => ({ identity: 'tp', psk }) })
              .on('secureConnect', () => (console.log('let in'), process.exit()))
              .on('error', ({ code }) => console.log(code));
          })
          .on('error', ({ code }) => console.log(code))
          .end();`);
      assert.match(seen.trim(), /^ERR_SSL_/, ip);
    }
  });

  test('refuses another token, even within its pod', async () => {
    const preamble = encodePreamble(Buffer.alloc(TOKEN_BYTES, 7)).toString('base64');
    const script = `
      const socket = require('node:net').connect(${config.tunnelPort}, '127.0.0.1');
      socket.on('data', (bytes) => process.stdout.write(bytes.toString('hex')));
      socket.write(Buffer.from('${preamble}', 'base64'));`;
    const answer = await kubectl('exec', pod.metadata.name, '-c', 'servicename', '--', 'node', '-e', script);
    const [frame] = new FrameDecoder().push(Buffer.from(answer, 'hex'));
    assert.equal(frame?.type, FrameType.close);
    assert.equal(frame?.payload.readUInt16BE(0), CloseCode.unauthorized);
  });

  test('shows neither its token nor the login anywhere', async () => {
    const ids = (await docker('ps', '--all', '--quiet', '--filter', `label=tp/session=${tp.session}`))
      .trim()
      .split('\n');
    assert.equal(ids.length, 2, 'the network container and the user’s');
    const image = (await docker('inspect', '--format', '{{.Image}}', ...ids)).trim().split('\n');
    const bundle = `/tmp/tp-e2e-bundle-${process.pid}.tar.gz`;
    await runTp('doctor', '--bundle', bundle);
    const run = async (program: string, ...args: string[]) =>
      (await promisify(execFile)(program, args, { maxBuffer: 256 * 1024 * 1024 })).stdout;
    try {
      const places: Record<string, string> = {
        inspect: await docker('inspect', ...ids),
        volumes: await docker('volume', 'ls', '--format', '{{json .}}'),
        history: await docker('history', '--no-trunc', ...image.slice(0, 1)),
        logs: (await Promise.all(ids.map((id) => docker('logs', id)))).join('\n'),
        processes: await run('ps', '-eo', 'args'),
        objects: await kubectl(
          'get',
          'all,configmaps,secrets,leases',
          '-l',
          `tp/session=${tp.session}`,
          '-o',
          'json',
        ),
        pod: await kubectl('logs', pod.metadata.name, '-c', 'servicename'),
        said: tp.stderr + tp.stdout,
        bundle: await run('tar', '-xzOf', bundle),
      };
      const secrets = secretsOf(readFileSync(kubeconfig, 'utf8'));
      assert.ok(secrets.length > 0);
      for (const [place, text] of Object.entries(places)) {
        assert.ok(text.length > 10, place);
        for (const secret of secrets)
          assert.ok(!text.includes(secret), `${place} has a part of the kubeconfig`);
        assert.deepEqual(tokensIn(text, config.tokenSha256), [], `${place} has the token`);
      }
    } finally {
      await run('rm', '-f', bundle);
    }
  });
});

test('the search for a token finds one', () => {
  const token = Buffer.alloc(TOKEN_BYTES, 0xa7);
  const hash = createHash('sha256').update(token).digest('hex');
  for (const written of [token.toString('hex'), token.toString('base64'), token.toString('base64url')]) {
    assert.equal(tokensIn(`before="${written}" after`, hash).length, 1, written);
  }
});

/** What a kubeconfig holds that lets somebody in. */
const secretsOf = (text: string): string[] =>
  [...text.matchAll(/(?:client-key-data|token|password): ?"?([\w+/=.-]{16,})/g)].map(
    ([, secret = '']) => secret,
  );

/** Runs of characters in `text` that are a token of which this is the hash, in hex or base64. */
function tokensIn(text: string, sha256: string): string[] {
  const runs = text.match(/[\w+/-]{43,}/g) ?? [];
  return [...new Set(runs)].filter((run) =>
    (['hex', 'base64'] as const).some((encoding) => {
      const bytes = Buffer.from(run, encoding);
      return bytes.length === TOKEN_BYTES && createHash('sha256').update(bytes).digest('hex') === sha256;
    }),
  );
}
