import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ExecLogin, type Terminal } from '../../src/cluster/exec-login.ts';
import type { ClusterEntry, ExecEntry } from '../../src/cluster/kubeconfig.ts';
import { TpError } from '../../src/errors.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import { Folder } from './folder.ts';

const V1 = 'client.authentication.k8s.io/v1';
const V1BETA1 = 'client.authentication.k8s.io/v1beta1';

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder[Symbol.dispose]());

/** How often the terminal was lent, and whether its input is free. */
const terminal = (inputIsFree = false): Terminal & { lent: number } => ({
  inputIsFree,
  lent: 0,
  lend(work) {
    this.lent++;
    return work();
  },
});

/** What each run of the plugin saw. */
interface Run {
  info: { apiVersion: string; kind: string; spec: { interactive: boolean; cluster?: unknown } };
  args: string[];
  env: string | null;
  input: boolean;
}
const runs = (): Run[] => {
  const log = `${folder.path}/runs`;
  if (!existsSync(log)) return [];
  return readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Run);
};

/** A plugin that notes how it was run and then does what the script says; `answer` prints a login. */
function plugin(script: string, more: Partial<ExecEntry> = {}): ExecEntry {
  const source = `#!${process.execPath}
    const fs = require('node:fs');
    const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
    // A child without input has /dev/null there.
    const input = fs.readlinkSync('/proc/self/fd/0') !== '/dev/null';
    const run = { info, args: process.argv.slice(2), env: process.env.PLUGIN ?? null, input };
    fs.appendFileSync(${JSON.stringify(`${folder.path}/runs`)}, JSON.stringify(run) + '\\n');
    const count = fs.readFileSync(${JSON.stringify(`${folder.path}/runs`)}, 'utf8').trimEnd().split('\\n').length;
    const answer = (status, more) =>
      console.log(JSON.stringify({ kind: 'ExecCredential', apiVersion: info.apiVersion, status, ...more }));
    ${script}`;
  const command = folder.write('plugin', source, 0o700);
  return { apiVersion: V1, command, interactiveMode: 'IfAvailable', ...more };
}

const TOKEN = "answer({ token: 'token ' + count });";
const cluster: ClusterEntry = { server: 'https://api.example' };
const login = (exec: ExecEntry, on: Terminal = terminal()) => new ExecLogin(exec, cluster, on);

/** What a request gets. */
async function applied(from: ExecLogin): Promise<RequestOptions> {
  const options: RequestOptions = {};
  await from.apply(options);
  return options;
}
const tokenOf = async (from: ExecLogin) =>
  ((await applied(from)).headers as Record<string, string> | undefined)?.Authorization;

async function failure(work: Promise<unknown> | (() => unknown)): Promise<TpError> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return error;
  }
  throw new Error('it did not fail');
}

describe('a login plugin', () => {
  it('gives a token, beside headers that are there', async () => {
    const options: RequestOptions = { headers: { 'User-Agent': 'tp' } };
    await login(plugin(TOKEN)).apply(options);
    assert.deepEqual(options.headers, { 'User-Agent': 'tp', Authorization: 'Bearer token 1' });
  });

  it('gives a certificate', async () => {
    const status = { clientCertificateData: CERTIFICATE, clientKeyData: KEY };
    const options = await applied(login(plugin(`answer(${JSON.stringify(status)});`)));
    assert.deepEqual(options, { cert: CERTIFICATE, key: KEY });
  });

  it('is told the version, and gets its arguments and variables', async () => {
    const env = [{ name: 'PLUGIN', value: 'x' }];
    await applied(login(plugin(TOKEN, { apiVersion: V1BETA1, args: ['get-token', '--x=1'], env })));
    assert.deepEqual(runs(), [
      {
        info: { kind: 'ExecCredential', apiVersion: V1BETA1, spec: { interactive: false } },
        args: ['get-token', '--x=1'],
        env: 'x',
        input: false,
      },
    ]);
  });

  it('is told the cluster where it wants to know, with the authority and what is meant for it', async () => {
    const authority = folder.write('ca.crt', 'an authority');
    const entry: ClusterEntry = {
      server: 'https://api.example/k8s',
      'certificate-authority': authority,
      'tls-server-name': 'api',
      'proxy-url': 'http://proxy',
      extensions: [
        { name: 'other', extension: 1 },
        { name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } },
      ],
    };
    await applied(new ExecLogin(plugin(TOKEN, { provideClusterInfo: true }), entry, terminal()));
    assert.deepEqual(runs()[0]?.info.spec.cluster, {
      server: 'https://api.example/k8s',
      'certificate-authority-data': Buffer.from('an authority').toString('base64'),
      'tls-server-name': 'api',
      'proxy-url': 'http://proxy',
      config: { audience: 'a' },
    });
  });
});

describe("a login plugin's terminal", () => {
  const CASES: [mode: string, free: boolean, interactive: boolean][] = [
    ['Never', true, false],
    ['IfAvailable', true, true],
    ['IfAvailable', false, false],
    ['Always', true, true],
  ];

  for (const [interactiveMode, free, interactive] of CASES) {
    const what = `${interactiveMode}, with ${free ? 'a' : 'no'} terminal`;
    it(`is ${interactive ? 'shared' : 'not shared'} for ${what}`, async () => {
      await applied(login(plugin(TOKEN, { interactiveMode }), terminal(free)));
      assert.equal(runs()[0]?.info.spec.interactive, interactive);
      if (!interactive) assert.equal(runs()[0]?.input, false);
    });
  }

  it('is lent to it, so that nothing is drawn over its question', async () => {
    const own = terminal();
    await applied(login(plugin(TOKEN), own));
    assert.equal(own.lent, 1);
  });

  it('is asked for where the old version says nothing', async () => {
    await applied(login(plugin(TOKEN, { apiVersion: V1BETA1, interactiveMode: '' }), terminal(true)));
    assert.equal(runs()[0]?.info.spec.interactive, true);
  });

  it('is missed by one that cannot do without: it is not even run', async () => {
    const error = await failure(applied(login(plugin(TOKEN, { interactiveMode: 'Always' }))));
    assert.equal(error.code, 'TP_LOGIN_PLUGIN');
    assert.match(error.message, /needs a terminal/);
    assert.equal(runs().length, 0);
  });
});

describe('a login by a plugin', () => {
  it('serves all requests until it expires', async () => {
    const later = `answer({ token: 'token ' + count, expirationTimestamp: new Date(Date.now() + 60_000) });`;
    const one = login(plugin(later));
    assert.equal(await tokenOf(one), 'Bearer token 1');
    assert.equal(await tokenOf(one), 'Bearer token 1');
    assert.equal(runs().length, 1);
  });

  it('serves for ever where nothing says when it expires', async () => {
    const one = login(plugin(TOKEN));
    await tokenOf(one);
    assert.equal(await tokenOf(one), 'Bearer token 1');
  });

  it('that has expired is replaced', async () => {
    const over = `answer({ token: 'token ' + count, expirationTimestamp: new Date(Date.now() - 1000) });`;
    const one = login(plugin(over));
    assert.equal(await tokenOf(one), 'Bearer token 1');
    assert.equal(await tokenOf(one), 'Bearer token 2');
  });

  it('is asked for once by requests at the same time', async () => {
    const one = login(plugin(TOKEN));
    const tokens = await Promise.all([tokenOf(one), tokenOf(one), tokenOf(one)]);
    assert.deepEqual(tokens, Array(3).fill('Bearer token 1'));
    assert.equal(runs().length, 1);
  });

  it('that failed is asked for again by the next request', async () => {
    const one = login(plugin(`if (count === 1) process.exit(1); ${TOKEN}`));
    const [first, second] = await Promise.all([failure(tokenOf(one)), failure(tokenOf(one))]);
    assert.equal(first, second, 'those at the same time share the failure too');
    assert.equal(await tokenOf(one), 'Bearer token 2');
  });

  it('that the server refuses is replaced, once for all who were refused it', async () => {
    const one = login(plugin(TOKEN));
    await tokenOf(one);
    const time = performance.now();
    assert.equal(one.renew(time), true);
    assert.equal(await tokenOf(one), 'Bearer token 2');
    assert.equal(one.renew(time), true);
    assert.equal(await tokenOf(one), 'Bearer token 2', 'this one has not been refused to anybody');
  });
});

/** Plugins that give no login, and what is said of them after their name. */
const FAILURES: [what: string, script: string, why: RegExp][] = [
  ['fails', 'process.exitCode = 3;', /ended with exit code 3$/],
  [
    'is killed',
    "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);",
    /was ended by SIGKILL$/,
  ],
  ['prints nothing', '', /printed no JSON$/],
  ['prints something else', "console.log('{}');", /printed no ExecCredential$/],
  ['prints null', "console.log('null');", /printed no ExecCredential$/],
  [
    'answers in another version',
    `answer({ token: 't' }, { apiVersion: '${V1BETA1}' });`,
    /answers in .*v1beta1/,
  ],
  ['answers without a login', 'answer(undefined);', /printed neither a token nor a certificate$/],
  ['answers with an empty token', "answer({ token: '' });", /printed neither a token nor a certificate$/],
  ['gives half a certificate', "answer({ clientKeyData: 'x' });", /printed only one of certificate and key$/],
  [
    'gives a broken certificate',
    "answer({ clientCertificateData: 'x', clientKeyData: 'y' });",
    /a certificate and a key that do not fit$/,
  ],
];

describe('a login plugin that gives no login', () => {
  for (const [what, script, why] of FAILURES) {
    it(`because it ${what}, is named`, async () => {
      const exec = plugin(script);
      const error = await failure(applied(login(exec)));
      assert.equal(error.code, 'TP_LOGIN_PLUGIN');
      assert.ok(error.message.startsWith(`the login plugin ${exec.command} `), error.message);
      assert.match(error.message, why);
      assert.match(error.hint ?? '', /kubectl/);
    });
  }

  it('because it is not there, is named with the hint how to install it', async () => {
    const exec = { apiVersion: V1, command: 'tp-no-such-plugin', interactiveMode: 'Never' };
    const hinted = { ...exec, installHint: '\x1b[2Jget it:\n  brew install it\n' };
    const error = await failure(applied(login(hinted)));
    assert.equal(error.message, 'the login plugin tp-no-such-plugin is not installed');
    assert.equal(error.hint, '[2Jget it:\n  brew install it', 'which cannot move the cursor');
    assert.match((await failure(applied(login(exec)))).hint ?? '', /kubectl/);
  });

  it('because it may not be run, is named', async () => {
    const command = folder.write('text', 'no program', 0o600);
    const error = await failure(applied(login({ apiVersion: V1, command, interactiveMode: 'Never' })));
    assert.match(error.message, /text cannot be run: EACCES$/);
  });

  it('because the kubeconfig does not say enough, is refused as kubectl does', async () => {
    const { message } = await failure(() => login({ apiVersion: V1 }));
    assert.match(message, /no command/);
    const old = await failure(() =>
      login(plugin(TOKEN, { apiVersion: 'client.authentication.k8s.io/v1alpha1' })),
    );
    assert.match(old.message, /v1alpha1 .* not supported/);
    const mode = await failure(applied(login(plugin(TOKEN, { interactiveMode: '' }))));
    assert.match(mode.message, /interactiveMode/);
    assert.match(mode.hint ?? '', /Never, IfAvailable or Always/);
  });
});
