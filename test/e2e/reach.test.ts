/** Whatever kubectl reaches, tp reaches: the main job by every way that a kubeconfig and the environment can name. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { SessionStatus } from '../../src/status/session-status.ts';
import { connectProxy, socksProxy, type TestProxy } from '../cluster-side/proxies.ts';
import { Account, directKubeconfig, type Entry, entriesOf, writeKubeconfig } from './harness/access.ts';
import { callService, kubeconfig, kubectl } from './harness/cluster.ts';
import { eventually } from './harness/eventually.ts';
import { Gateway } from './harness/gateway.ts';
import { Tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const CLI = `${import.meta.dirname}/../../dist/tp.mjs`;

/** Proxies of the machine that the tests run on are none of theirs. */
const NO_PROXIES = {
  HTTPS_PROXY: '',
  https_proxy: '',
  HTTP_PROXY: '',
  http_proxy: '',
  NO_PROXY: '',
  no_proxy: '',
};

/** A process that says who it is and whom it reaches in the cluster. */
const SERVER = `
  const http = require('node:http');
  const server = http.createServer(async (request, response) => {
    const thing = await (await fetch('http://thing1/')).json();
    response.end('laptop and ' + thing.name);
  });
  server.listen(8080);
  process.on('SIGTERM', () => process.exit(0));`;
const RUN = ['--workload', 'deployment/servicename', 'node:24-slim', 'node', '-e', SERVER];

/** The main job: the Service is answered from the laptop, which reaches the cluster; then all is given back. */
async function mainJob(
  env: NodeJS.ProcessEnv,
  { flags = [], meanwhile }: { flags?: string[]; meanwhile?: () => Promise<void> } = {},
): Promise<Tp> {
  const tp = new Tp(['docker-run', ...flags, ...RUN], { env: { ...NO_PROXIES, ...env } });
  try {
    await tp.says(/Service servicename is switched/);
    await eventually(
      () => callService('http://servicename/'),
      (text) => text === 'laptop and thing1',
    );
    await meanwhile?.();
  } finally {
    await tp.end();
  }
  const selector = await kubectl('get', 'service', 'servicename', '-o', 'jsonpath={.spec.selector}');
  assert.doesNotMatch(selector, new RegExp(tp.session));
  return tp;
}

/** Only looks and plans, which takes all that reaching needs but the stream to the pod. */
async function look(env: NodeJS.ProcessEnv, ...flags: string[]): Promise<Tp> {
  const tp = new Tp(['docker-run', '--dry-run', ...flags, IMAGE], { env: { ...NO_PROXIES, ...env } });
  await tp.exited;
  return tp;
}

describe('tp reaches the cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tp-reach-'));
  const proxies: TestProxy[] = [];
  let cluster: Entry;
  let direct: Entry;
  let admin: Entry;
  let account: Account;
  before(async () => {
    ({ cluster, user: admin } = await entriesOf(kubeconfig));
    ({ cluster: direct } = await entriesOf(directKubeconfig));
    account = await Account.create('tp-e2e-reach');
  });
  after(async () => {
    for (const proxy of proxies) proxy.close();
    rmSync(folder, { recursive: true });
    await account.remove();
  });

  const started = async (proxy: Promise<TestProxy>): Promise<TestProxy> => {
    proxies.push(await proxy);
    return await proxy;
  };
  const hostOf = ({ server }: Entry) => {
    const { hostname, port } = new URL(String(server));
    return `${hostname}:${port || 443}`;
  };

  test('through the HTTP proxy that the kubeconfig names', async () => {
    const proxy = await started(connectProxy());
    const through = { ...cluster, 'proxy-url': `http://127.0.0.1:${proxy.port}` };
    const file = writeKubeconfig(folder, 'proxied', { cluster: through, user: admin });
    await mainJob({ KUBECONFIG: file, HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '*' });
    assert.ok(proxy.seen.length > 2, 'requests and both streams');
    assert.deepEqual([...new Set(proxy.seen)], [hostOf(cluster)]);
  });

  test('through the HTTP proxy that the environment names, unless NO_PROXY leads around it', async () => {
    const proxy = await started(connectProxy());
    const env = { KUBECONFIG: directKubeconfig, HTTPS_PROXY: `127.0.0.1:${proxy.port}` };
    await mainJob(env);
    assert.ok(proxy.seen.length > 2);
    assert.deepEqual([...new Set(proxy.seen)], [hostOf(direct)]);
    proxy.seen.length = 0;
    const around = await look({ ...env, NO_PROXY: `.example,${new URL(String(direct.server)).hostname}` });
    assert.equal(await around.exited, 0, around.stderr);
    assert.deepEqual(proxy.seen, []);
  });

  test('through a SOCKS proxy, which knows the name of the server', async () => {
    const proxy = await started(socksProxy(true));
    const { port } = new URL(String(cluster.server));
    const named = {
      ...cluster,
      server: `https://api.test:${port || 443}`,
      'tls-server-name': 'kubernetes',
      'proxy-url': `socks5://me:secret@127.0.0.1:${proxy.port}`,
    };
    const file = writeKubeconfig(folder, 'socks', { cluster: named, user: admin });
    await mainJob({}, { flags: ['--kubeconfig', file] });
    assert.ok(proxy.seen.length > 2);
    assert.deepEqual([...new Set(proxy.seen)], [`api.test:${port || 443}`]);
  });

  test('not through a proxy that is not there, and says which one', async () => {
    const proxy = await connectProxy();
    proxy.close();
    const tp = await look({ KUBECONFIG: directKubeconfig, https_proxy: `http://127.0.0.1:${proxy.port}` });
    assert.equal(await tp.exited, 125);
    assert.match(tp.stderr, new RegExp(`through the proxy http://127.0.0.1:${proxy.port} \\(https_proxy\\)`));
    assert.match(tp.stderr, /TP_CLUSTER_UNREACHABLE/);
  });

  test('through a gateway that has it below a path, with another name, its own authority and a token', async () => {
    const authority = String(cluster['certificate-authority-data']);
    const gateway = await Gateway.start(folder, { server: String(cluster.server), authority });
    try {
      const user = { token: await account.token() };
      const file = writeKubeconfig(folder, 'gateway', { cluster: gateway.cluster, user });
      await mainJob({ KUBECONFIG: file });
      const outside = gateway.seen.filter((line) => !/^[A-Z]+ \/k8s\/clusters\/c1\/api/.test(line));
      assert.deepEqual(outside, []);
      const streams = gateway.seen.filter((line) => /\/portforward/.test(line));
      assert.match(streams[0] ?? '', /^POST /, 'SPDY is asked for');
      for (const line of streams.slice(-2))
        assert.match(line, /^GET .*\?ports=/, 'both streams are WebSockets');
      const { 'tls-server-name': _, ...unnamed } = gateway.cluster;
      const wrong = writeKubeconfig(folder, 'unnamed', { cluster: unnamed, user });
      const tp = await look({ KUBECONFIG: wrong });
      assert.match(tp.stderr, /ERR_TLS_CERT_ALTNAME_INVALID \[TP_CLUSTER_UNREACHABLE\]/);
    } finally {
      gateway.close();
    }
  });

  test('by a port-forward, where the login may not have the API server connect to pods', async () => {
    const limited = await Account.create('tp-e2e-forwarded', {
      without: { resource: 'pods/proxy', verb: 'get' },
    });
    try {
      const user = { token: await limited.token() };
      const env = { KUBECONFIG: writeKubeconfig(folder, 'forwarded', { cluster, user }) };
      const meanwhile = async () => {
        const asked = new Tp(['status', '--output', 'json'], { env: { ...NO_PROXIES, ...env } });
        assert.equal(await asked.exited, 0, asked.stderr);
        const [status] = JSON.parse(asked.stdout) as SessionStatus[];
        assert.ok(status?.features.includes('link by port-forward'), status?.features.join(', '));
      };
      await mainJob(env, { meanwhile });
    } finally {
      await limited.remove();
    }
  });

  /** Writes a login plugin, relative to the kubeconfig: a script that ends in `answer(status)`. It notes its runs. */
  const plugin = (name: string, script: string, interactiveMode: string): Entry => {
    const source = `#!${process.execPath}
      const fs = require('node:fs');
      fs.appendFileSync(__filename + '.runs', 'x');
      const count = fs.readFileSync(__filename + '.runs', 'utf8').length;
      const { apiVersion, spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      const answer = (status) => console.log(JSON.stringify({ kind: 'ExecCredential', apiVersion, status }));
      ${script}`;
    writeFileSync(join(folder, `${name}.cjs`), source);
    chmodSync(join(folder, `${name}.cjs`), 0o700);
    const apiVersion = 'client.authentication.k8s.io/v1';
    return { exec: { apiVersion, command: `./${name}.cjs`, interactiveMode } };
  };
  const runsOf = (name: string) => readFileSync(join(folder, `${name}.cjs.runs`), 'utf8').length;

  test('by a token of a login plugin, which is asked once', async () => {
    const token = await account.token();
    const user = plugin('token', `answer({ token: ${JSON.stringify(token)} });`, 'Never');
    await mainJob({ KUBECONFIG: writeKubeconfig(folder, 'token', { cluster, user }) });
    assert.equal(runsOf('token'), 1);
  });

  test('by a newer token of a login plugin, when the first is refused', async () => {
    const token = await account.token();
    const user = plugin(
      'second',
      `answer({ token: count === 1 ? 'x' : ${JSON.stringify(token)} });`,
      'Never',
    );
    const tp = await look({ KUBECONFIG: writeKubeconfig(folder, 'second', { cluster, user }) });
    assert.equal(await tp.exited, 0, tp.stderr);
    assert.equal(runsOf('second'), 2);
  });

  test('by a certificate of a login plugin', async () => {
    const [clientCertificateData, clientKeyData] = ['certificate', 'key'].map((what) =>
      Buffer.from(String(admin[`client-${what}-data`]), 'base64').toString(),
    );
    const status = JSON.stringify({ clientCertificateData, clientKeyData });
    const user = plugin('certificate', `answer(${status});`, 'Never');
    await mainJob({ KUBECONFIG: writeKubeconfig(folder, 'certificate', { cluster, user }) });
    assert.equal(runsOf('certificate'), 1);
  });

  test('by a login plugin that asks its person, on the terminal', async () => {
    const token = await account.token();
    const script = `
      fs.writeSync(2, 'One-time code: ');
      const line = Buffer.alloc(100);
      const code = line.toString('utf8', 0, fs.readSync(0, line)).trim();
      if (!spec.interactive || code !== '4711') process.exit(1);
      answer({ token: ${JSON.stringify(token)} });`;
    const user = plugin('asking', script, 'Always');
    const file = writeKubeconfig(folder, 'asking', { cluster, user });
    const command = `${process.execPath} ${CLI} docker-run --kubeconfig ${file} ${IMAGE} sh -c 'exit 4'`;
    // script(1) gives it a terminal; -e hands the exit code on.
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, ...NO_PROXIES },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (/One-time code: $/.test(output)) child.stdin.write('4711\n');
    });
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 4, output);
    assert.match(output, /^One-time code: 4711\r\n/, 'nothing is drawn before it or over it');
    assert.equal(runsOf('asking'), 1);
  });

  test('not by a login plugin that asks its person where there is none', async () => {
    const user = plugin('alone', 'process.exit(1);', 'Always');
    const tp = await look({ KUBECONFIG: writeKubeconfig(folder, 'alone', { cluster, user }) });
    assert.equal(await tp.exited, 125);
    assert.match(tp.stderr, /the login plugin .*\/alone\.cjs needs a terminal.*\[TP_LOGIN_PLUGIN\]/);
  });

  test('by several kubeconfigs, of which one is missing and two have the same names', async () => {
    const nowhere = { cluster: { server: 'https://127.0.0.1:9' }, user: { token: 'x' } };
    const first = writeKubeconfig(folder, 'first', { cluster, user: admin, current: false });
    const second = writeKubeconfig(folder, 'second-of-two', nowhere);
    const third = writeKubeconfig(folder, 'third', { ...nowhere, name: 'other' });
    const KUBECONFIG = [`${folder}/missing`, first, second, third].join(':');
    const tp = await mainJob({ KUBECONFIG });
    assert.match(tp.stderr, /ready: context reach, namespace default/);
    const other = await look({ KUBECONFIG }, '--context', 'other');
    assert.match(other.stderr, /ECONNREFUSED \[TP_CLUSTER_UNREACHABLE\]/);
    const only = await look({ KUBECONFIG: second }, '--kubeconfig', first, '--context', 'reach');
    assert.equal(await only.exited, 0, only.stderr);
  });
});
