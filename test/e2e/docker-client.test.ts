import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { CONFIG, ENDPOINT, HOST_CONFIG } from '../../src/docker/fields.ts';
import { BOOLEAN_FLAGS, BOOLEAN_SHORT_FLAGS, splitRunArguments } from '../../src/docker/run-arguments.ts';
import { clientFlags } from '../../src/docker/user-container.ts';
import { DOCKER_RUN_FLAGS, flagNames } from '../../src/flags.ts';
import { docker as daemon } from './harness/container.ts';

/** Flags that `docker run --help` does not show; a client that has one of them says whether it takes a value. */
const HIDDEN = ['net', 'net-alias', 'dns-opt', 'kernel-memory', 'cpu-count', 'io-maxiops', 'init-path'];

// No daemon is asked: one that is old makes the client hide the flags that it does not know.
const env = { ...process.env, DOCKER_HOST: 'tcp://127.0.0.1:1', DOCKER_CONTEXT: '' };

/** What the installed client says, on stdout and stderr. Fails where there is none. */
function docker(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('docker', args, { env }, (error, stdout, stderr) => {
      if (error?.code !== 'ENOENT') return resolve(stdout + stderr);
      const install = 'sudo apt-get install -y docker.io    (or: npm run cluster -- up)';
      reject(new Error(`there is no Docker client to compare with. This installs one:\n  ${install}`));
    });
  });
}

interface Flag {
  short: string | undefined;
  long: string;
  takesValue: boolean;
}

/** The flags in a help text of Docker's: one without a word for its type before the description takes no value. */
const flagsIn = (help: string): Flag[] =>
  [...help.matchAll(/^ +(?:-(\w), +)?--([\w-]+)(?: (\S+))?(?:$| {2,})/gm)].map(([, short, long, type]) => {
    return { short, long: `--${long}`, takesValue: type !== undefined };
  });

let run: Flag[];

describe('the installed Docker client', () => {
  before(async () => {
    run = flagsIn(await docker('run', '--help'));
  });

  it('has a help text that is understood', () => {
    assert.ok(run.length > 80, `only ${run.length} flags found`);
    for (const expected of ['--env', '--rm', '--health-start-period', '--blkio-weight-device']) {
      assert.ok(
        run.some(({ long }) => long === expected),
        `${expected} not found`,
      );
    }
  });

  it('has the flags without a value that tp knows, and no others', () => {
    const without = run.filter(({ takesValue }) => !takesValue);
    const unknown = without.filter(({ long }) => !BOOLEAN_FLAGS.has(long)).map(({ long }) => long);
    assert.deepEqual(unknown, [], 'take no value, but tp thinks they do');
    const shorts = without.flatMap(({ short }) => short ?? []);
    assert.deepEqual(shorts.sort(), [...BOOLEAN_SHORT_FLAGS].sort());
    const wrong = run.filter(({ long, takesValue }) => takesValue && BOOLEAN_FLAGS.has(long));
    assert.deepEqual(wrong, [], 'take a value, but tp thinks they do not');
  });

  it('has no flag that is also one of tp, hidden ones included', async () => {
    const names = [...flagNames(DOCKER_RUN_FLAGS).keys()];
    assert.deepEqual(
      names.filter((name) => /^-\w/.test(name)),
      ['-n'],
      'the only short flag of tp',
    );
    const said = await Promise.all(names.map(async (name) => [name, await docker('run', name)] as const));
    for (const [name, text] of said) assert.match(text, /unknown (shorthand )?flag/, name);
  });

  it('takes a value where tp thinks so, for flags that it does not show too', async () => {
    const said = await Promise.all(
      HIDDEN.map(async (name) => [`--${name}`, await docker('run', `--${name}`)] as const),
    );
    const present = said.filter(([, text]) => !text.includes('unknown flag'));
    assert.ok(present.length > 0, 'none of them is known any more: the list is stale');
    for (const [flag, text] of present) {
      const takesValue = text.includes('flag needs an argument');
      const { image } = splitRunArguments([flag, 'first', 'second'], new Map());
      assert.equal(image, takesValue ? 'second' : 'first', `${flag}: ${text}`);
    }
  });

  it('is given no flag that create or start does not have', async () => {
    const [create, start] = (
      await Promise.all(['create', 'start'].map((command) => docker(command, '--help')))
    ).map((help) => new Set(flagsIn(help).map(({ long }) => long)));
    const lines = run
      .filter(({ long }) => !['--detach', '--help', '--use-api-socket'].includes(long)) // refused, or answered, before this
      .map(({ long, takesValue }) => (takesValue ? [long, 'value'] : [long]));
    for (const line of lines) {
      const given = clientFlags(line);
      for (const [word] of [given.create, given.start].filter((words) => words.length > 0)) {
        const known = given.create.includes(word ?? '') ? create : start;
        assert.ok(known?.has(word ?? ''), `${line.join(' ')} becomes ${JSON.stringify(given)}`);
      }
    }
  });
});

interface CreateBody {
  [field: string]: unknown;
  HostConfig: Record<string, unknown>;
  NetworkingConfig: { EndpointsConfig: Record<string, object> };
}

/** What the installed client sends to the newest daemon that it knows, for `docker create` with `flags`. */
async function sentBy(...flags: string[]): Promise<CreateBody> {
  const path = join(tmpdir(), `tp-e2e-fake-docker-${process.pid}.sock`);
  let body = '';
  const server = createServer((request, response) => {
    response.setHeader('Api-Version', '1.99');
    if (request.url?.includes('/containers/create')) {
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => response.writeHead(201).end(JSON.stringify({ Id: 'a'.repeat(64) })));
    } else response.end('OK');
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const there = { ...process.env, DOCKER_HOST: `unix://${path}`, DOCKER_CONTEXT: '' };
    await new Promise<void>((resolve, reject) => {
      execFile('docker', ['create', ...flags, 'image'], { env: there }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return JSON.parse(body) as CreateBody;
}

/** Flags whose fields the client leaves out unless they are given. */
const SELDOM = [
  ['--annotation', 'a=b'],
  ['--network', 'name=n,alias=a,ip=10.1.1.1,driver-opt=a=b,gw-priority=1,mac-address=02:42:ac:11:00:02'],
  ['--health-cmd', 'true'],
  ['--init'],
  ['--mount', 'type=tmpfs,target=/t'],
  ['--tmpfs', '/u'],
  ['--storage-opt', 'size=1G'],
  ['--sysctl', 'net.core.somaxconn=1'],
  ['--stop-signal', 'SIGINT'],
  ['--stop-timeout', '1'],
  ['--runtime', 'runc'],
  ['--expose', '80'],
];

describe('the table of the API’s fields', () => {
  /** Fails for a field that nobody has decided about. */
  const decided = (object: object, table: Readonly<Record<string, unknown>>, but: string[] = []) =>
    assert.deepEqual(
      Object.keys(object).filter((name) => !(name in table) && !but.includes(name)),
      [],
      'src/docker/fields.ts does not say what becomes of these',
    );

  it('has every field that the installed client sends', async () => {
    const { HostConfig, NetworkingConfig, ...config } = await sentBy(...SELDOM.flat());
    assert.ok(Object.keys(HostConfig).length > 50 && Object.keys(config).length > 15);
    decided(config, CONFIG);
    decided(HostConfig, HOST_CONFIG);
    const endpoints = Object.values(NetworkingConfig.EndpointsConfig);
    assert.equal(endpoints.length, 1);
    for (const endpoint of endpoints) decided(endpoint, ENDPOINT);
  });

  it('has every field that the installed daemon answers with', async () => {
    const flags = SELDOM.flat().filter((word) => !/^--(annotation|storage-opt|network)$/.test(word));
    const values = flags.filter((word) => !/^(a=b|size=1G|name=n,.*)$/.test(word));
    const id = (await daemon('create', ...values, 'node:24-slim')).trim();
    try {
      const [made] = JSON.parse(await daemon('inspect', id));
      decided(made.Config, CONFIG);
      decided(made.HostConfig, HOST_CONFIG);
      for (const endpoint of Object.values(made.NetworkSettings.Networks))
        decided(endpoint as object, ENDPOINT);
    } finally {
      await daemon('rm', id);
    }
  });
});
