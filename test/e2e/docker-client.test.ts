import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { BOOLEAN_FLAGS, BOOLEAN_SHORT_FLAGS, splitRunArguments } from '../../src/docker/run-arguments.ts';
import { clientFlags } from '../../src/docker/user-container.ts';
import { DOCKER_RUN_FLAGS, flagNames } from '../../src/flags.ts';

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

  it('has no flag that is also one of tp', () => {
    const own = flagNames(DOCKER_RUN_FLAGS);
    const both = run.flatMap(({ short, long }) => [long, ...(short ? [`-${short}`] : [])]);
    assert.deepEqual(
      both.filter((name) => own.has(name)),
      [],
    );
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
      .filter(({ long }) => !['--detach', '--help'].includes(long)) // refused, and answered, before this
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
