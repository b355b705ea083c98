import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  BOOLEAN_FLAGS,
  BOOLEAN_SHORT_FLAGS,
  environmentNames,
  type RunArguments,
  splitRunArguments,
} from '../../src/docker/run-arguments.ts';
import { DOCKER_RUN_FLAGS, flagNames } from '../../src/flags.ts';

const own = flagNames(DOCKER_RUN_FLAGS);
const split = (...args: string[]) => splitRunArguments(args, own);

/** A command line as words between spaces, and how it is taken apart. */
const CASES: readonly [line: string, expected: Partial<RunArguments>][] = [
  ['image', { image: 'image' }],
  ['image command --rm -n x', { image: 'image', command: ['command', '--rm', '-n', 'x'] }],
  ['-it --rm image npm run dev', { flags: ['-it', '--rm'], image: 'image', command: ['npm', 'run', 'dev'] }],
  ['-itp8080:80 image', { flags: ['-itp8080:80'], image: 'image' }],
  ['-itp 8080:80 image', { flags: ['-itp', '8080:80'], image: 'image' }],
  ['-p8080:80 -p 9229:9229 image', { flags: ['-p8080:80', '-p', '9229:9229'], image: 'image' }],
  ['-p=8080:80 image', { flags: ['-p=8080:80'], image: 'image' }],
  ['-e=FOO image', { flags: ['-e=FOO'], image: 'image' }],
  ['-eFOO image', { flags: ['-eFOO'], image: 'image' }],
  ['-e FOO=a=b image', { flags: ['-e', 'FOO=a=b'], image: 'image' }],
  ['--env FOO=bar image', { flags: ['--env', 'FOO=bar'], image: 'image' }],
  ['--env=FOO=bar image', { flags: ['--env=FOO=bar'], image: 'image' }],
  ['-i=false -t=true image', { flags: ['-i=false', '-t=true'], image: 'image' }],
  ['-it=false image', { flags: ['-it=false'], image: 'image' }],
  ['--rm=false --init image', { flags: ['--rm=false', '--init'], image: 'image' }],
  ['--sig-proxy=false image', { flags: ['--sig-proxy=false'], image: 'image' }],
  ['--entrypoint -x image', { flags: ['--entrypoint', '-x'], image: 'image' }],
  ['--memory-swap -1 image', { flags: ['--memory-swap', '-1'], image: 'image' }],
  ['-w /app -u 1:2 image', { flags: ['-w', '/app', '-u', '1:2'], image: 'image' }],
  ['-- image --rm', { image: 'image', command: ['--rm'] }],
  ['--rm -- image', { flags: ['--rm'], image: 'image' }],
  ['image -- x', { image: 'image', command: ['--', 'x'] }],
  ['--env -- image', { flags: ['--env', '--'], image: 'image' }],
  ['--rm', { flags: ['--rm'], image: undefined }],
  ['--name', { flags: ['--name'], image: undefined }],
  ['', { image: undefined }],
  ['- x', { image: '-', command: ['x'] }],
  // A flag that this table does not know is Docker's, and taken to have a value like most.
  ['--new-flag x image', { flags: ['--new-flag', 'x'], image: 'image' }],
  ['--new-flag=x image', { flags: ['--new-flag=x'], image: 'image' }],
  // tp's own, in between.
  ['-n shop -it image', { own: ['-n', 'shop'], flags: ['-it'], image: 'image' }],
  ['-it --namespace=shop image', { own: ['--namespace=shop'], flags: ['-it'], image: 'image' }],
  ['--no-inbound --rm image', { own: ['--no-inbound'], flags: ['--rm'], image: 'image' }],
  ['--no-workload image x', { own: ['--no-workload'], image: 'image', command: ['x'] }],
  ['--dry-run --output yaml image', { own: ['--dry-run', '--output', 'yaml'], image: 'image' }],
  [
    '--port 3000:8080 -p 3000:3000 --port=1:2 image',
    { own: ['--port', '3000:8080', '--port=1:2'], flags: ['-p', '3000:3000'], image: 'image' },
  ],
  ['image --port 3000:8080', { image: 'image', command: ['--port', '3000:8080'] }],
  ['-e --port image', { flags: ['-e', '--port'], image: 'image' }],
  // The ways in which kubectl takes a short flag.
  ['-nshop image', { own: ['-n', 'shop'], image: 'image' }],
  ['-n=shop image', { own: ['-n', 'shop'], image: 'image' }],
  ['-nstaging image', { own: ['-n', 'staging'], image: 'image' }],
];

describe('a docker run line', () => {
  for (const [line, expected] of CASES) {
    it(`"${line}" is taken apart`, () => {
      const whole = { own: [], flags: [], image: undefined, command: [], ...expected };
      assert.deepEqual(split(...line.split(' ').filter((word) => word !== '')), whole);
    });
  }

  it('keeps empty words where they are', () => {
    assert.deepEqual(split('--entrypoint', '', 'image', '', 'x'), {
      own: [],
      flags: ['--entrypoint', ''],
      image: 'image',
      command: ['', 'x'],
    });
  });

  it('gives back what it was made of, however flags are written and mixed', () => {
    const value = fc.string({ maxLength: 8 });
    const text = value.filter((each) => each !== '' && !each.startsWith('-'));
    const booleans = [...BOOLEAN_FLAGS].filter((flag) => flag !== '--help');
    const docker = fc.oneof(
      fc.constantFrom(...booleans).map((flag) => [flag]),
      fc.constantFrom(...booleans).map((flag) => [`${flag}=false`]),
      fc.tuple(fc.constantFrom('--env', '--volume', '--publish', '--name', '--label'), value),
      fc.tuple(fc.constantFrom('--env', '--volume'), value).map(([flag, v]) => [`${flag}=${v}`]),
      fc.subarray([...BOOLEAN_SHORT_FLAGS], { minLength: 1 }).map((flags) => [`-${flags.join('')}`]),
      fc
        .tuple(fc.subarray([...BOOLEAN_SHORT_FLAGS]), fc.constantFrom('e', 'v', 'p', 'w', 'u'), value)
        .map(([flags, last, v]) => [`-${flags.join('')}${last}`, v]),
      fc
        .tuple(fc.subarray([...BOOLEAN_SHORT_FLAGS]), fc.constantFrom('e', 'v', 'p'), text)
        .map(([flags, last, v]) => [`-${flags.join('')}${last}${v}`]),
    );
    const ours = fc.oneof(
      fc.constantFrom('--no-inbound', '--no-workload', '--no-fallback', '--skip-init').map((flag) => [flag]),
      fc.tuple(fc.constantFrom('-n', '--context', '--service', '--port'), value),
      fc.tuple(fc.constantFrom('--context', '--service'), value).map(([flag, v]) => [`${flag}=${v}`]),
    );
    const parts = fc.array(
      fc.oneof(
        docker.map((words) => ({ own: false, words })),
        ours.map((words) => ({ own: true, words })),
      ),
      { maxLength: 8 },
    );
    const anything = fc.array(fc.oneof(value, fc.constantFrom('--rm', '-n', '--', '-it')), { maxLength: 4 });
    fc.assert(
      fc.property(parts, text, anything, fc.boolean(), (mixed, image, command, dashes) => {
        const words = mixed.flatMap((part) => part.words);
        const of = (isOwn: boolean) =>
          mixed.filter((part) => part.own === isOwn).flatMap((part) => part.words);
        assert.deepEqual(split(...words, ...(dashes ? ['--'] : []), image, ...command), {
          own: of(true),
          flags: of(false),
          image,
          command,
        });
      }),
    );
  });
});

describe('names that the user set in the environment', () => {
  const names: readonly [flags: string[], names: string[]][] = [
    [
      ['-e', 'A=1', '--env', 'B=x=y', '--env=C', '-eD=2', '-e=E=3'],
      ['A', 'B', 'C', 'D', 'E'],
    ],
    [
      ['-ite', 'A=1', '-iteB=2'],
      ['A', 'B'],
    ],
    [
      ['-e', 'MULTI=a\nb', '--env=OTHER=a\nb'],
      ['MULTI', 'OTHER'],
    ],
    [['--env-file', 'x', '--entrypoint', 'y', '-v', 'e:e', '-p', '1:1'], []],
    [['-e'], []],
  ];
  for (const [flags, expected] of names) {
    it(`are found in ${JSON.stringify(flags)}`, () => assert.deepEqual(environmentNames(flags), expected));
  }
});
