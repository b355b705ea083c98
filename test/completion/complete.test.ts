import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { describe, it } from 'node:test';
import { asText, type Completions } from '../../src/completion/candidate.ts';
import { complete, type Lister, SOURCES } from '../../src/completion/complete.ts';
import { DOCKER_RUN_FLAGS } from '../../src/flags.ts';
import { program } from './program.ts';

/** What was asked for a line, and what came out. */
interface Asked {
  words: string[];
  hints: string[];
  /** What was looked up, with the flags that were chosen. */
  lists: [source: string, chosen: Record<string, string>][];
  /** What Docker's client was asked. */
  docker: [flags: readonly string[], current: string][];
}

/** Completes a line whose last word is the one at the cursor; every source knows two names, Docker one flag. */
async function asked(words: readonly string[]): Promise<Asked> {
  const lists: Asked['lists'] = [];
  const docker: Asked['docker'] = [];
  const list: Lister = async (source, chosen) => {
    lists.push([source, chosen]);
    return [{ word: `${source}-1` }, { word: `${source}-2` }];
  };
  const { candidates, hints } = await complete(program(), words, list, async (flags, current) => {
    docker.push([flags, current]);
    return { candidates: [{ word: '--of-docker' }], hints: [] };
  });
  return { words: candidates.map(({ word }) => word), hints, lists, docker };
}

/** Lines as words between spaces, the last at the cursor; and the source that is asked, with the flags chosen. */
const VALUES: readonly [line: string, source: string, chosen?: Record<string, string>, prefix?: string][] = [
  ['docker-run --namespace ', 'namespaces'],
  ['docker-run -n st', 'namespaces'],
  ['docker-run --namespace=st', 'namespaces', {}, '--namespace='],
  ['docker-run --namespace=', 'namespaces', {}, '--namespace='],
  ['docker-run -nst', 'namespaces', {}, '-n'],
  ['docker-run -n=st', 'namespaces', {}, '-n='],
  ['docker-run --rm -it --context ', 'contexts'],
  ['docker-run --context c -n shop --workload ', 'workloads', { context: 'c', namespace: 'shop' }],
  [
    'docker-run --context=c -nshop --workload=',
    'workloads',
    { context: 'c', namespace: 'shop' },
    '--workload=',
  ],
  ['docker-run -n a -e -n -n b --service ', 'services', { namespace: 'b' }],
  ['docker-run --workload sts/db --container ', 'containers', { workload: 'sts/db' }],
  ['docker-run --dry-run --no-inbound --without-container ', 'sidecars'],
  ['docker-run --service one --service ', 'services', { service: 'one' }],
  ['docker-run --from ~/x --service ', 'services', { from: `${homedir()}/x` }],
  ['docker-run --from a/~/x --service ', 'services', { from: 'a/~/x' }],
  ['leave ', 'sessions'],
  ['leave --all -n shop ', 'sessions', { namespace: 'shop' }],
  ['leave -n ', 'namespaces'],
  ['leave --context=', 'contexts', {}, '--context='],
];

/** Lines on which Docker's client is asked, with what it is asked. */
const DOCKER: readonly [line: string, flags: string[], current: string][] = [
  ['docker-run ', [], ''],
  ['docker-run exam', [], 'exam'],
  ['docker-run --rm -n shop -it exam', ['--rm', '-it'], 'exam'],
  ['docker-run --na', [], '--na'],
  ['docker-run --network ', ['--network'], ''],
  ['docker-run -n shop -itp ', ['-itp'], ''],
  ['docker-run --network=br', [], '--network=br'],
  ['docker-run -e -n', ['-e'], '-n'],
  ['docker-run -- exam', [], 'exam'],
  ['docker-run --rm --from x -- ', ['--rm'], ''],
];

/** Lines on which nothing may be offered. */
const NOTHING: readonly string[] = [
  'docker-run image ',
  'docker-run image -',
  'docker-run -n shop image --namespace ',
  'docker-run image sh -c --workload=',
  'docker-run -- image ',
  'docker-run -- --na',
  'docker-run --port ',
  'docker-run --local-cidr=',
  'completion bash ',
  'compose ',
  'compose --namespace ',
];

const wordsOf = (line: string): string[] => line.split(' ');

describe('completion', () => {
  it('offers the commands, and their choices', async () => {
    const commands = ['docker-run', 'leave', 'completion', 'help'];
    for (const line of ['', 'doc', 'help ']) assert.deepEqual((await asked(wordsOf(line))).words, commands);
    assert.deepEqual((await asked([])).words, commands);
    assert.deepEqual((await asked(['completion', 'z'])).words, ['bash', 'zsh', 'fish']);
    assert.deepEqual((await asked(['docker-run', '--output', ''])).words, ['yaml']);
    assert.deepEqual((await asked(['docker-run', '--output='])).words, ['--output=yaml']);
  });

  it('offers the flags of the command at hand, each with what it is for', async () => {
    assert.deepEqual((await asked(['-'])).words, ['--help']);
    assert.deepEqual((await asked(['leave', '-'])).words, [
      '--all',
      '--namespace',
      '--context',
      '--kubeconfig',
      '--help',
    ]);
    const { words } = await asked(['docker-run', '--w']);
    const own = DOCKER_RUN_FLAGS.map(({ long }) => long ?? '');
    assert.deepEqual(words, [...own, '--from', '--of-docker']);
    const none = async () => ({ candidates: [], hints: [] });
    const { candidates } = await complete(program(), ['docker-run', '-'], async () => [], none);
    for (const { long, description } of DOCKER_RUN_FLAGS) {
      assert.equal(candidates.find(({ word }) => word === long)?.about, description);
    }
  });

  for (const [line, source, chosen = {}, prefix = ''] of VALUES) {
    it(`offers ${source} on "tp ${line}"`, async () => {
      const { words, lists, docker } = await asked(wordsOf(line));
      assert.deepEqual(lists, [[source, chosen]]);
      assert.deepEqual(words, [`${prefix}${source}-1`, `${prefix}${source}-2`]);
      assert.deepEqual(docker, []);
    });
  }

  for (const [line, flags, current] of DOCKER) {
    it(`has Docker's client complete "tp ${line}"`, async () => {
      const { docker, lists, words } = await asked(wordsOf(line));
      assert.deepEqual(docker, [[flags, current]]);
      assert.deepEqual(lists, []);
      assert.equal(words.includes('--namespace'), line === 'docker-run --na');
    });
  }

  for (const line of NOTHING) {
    it(`offers nothing on "tp ${line}"`, async () => {
      assert.deepEqual(await asked(wordsOf(line)), { words: [], hints: [], lists: [], docker: [] });
    });
  }

  it('leaves out the sessions that the line has', async () => {
    const { words } = await asked(['leave', 'sessions-2', '-n', 'shop', '']);
    assert.deepEqual(words, ['sessions-1']);
  });

  it('has the shell complete what names a file', async () => {
    for (const line of ['docker-run --from ', 'docker-run --from=a']) {
      assert.deepEqual((await asked(wordsOf(line))).hints, ['files']);
    }
  });

  it('knows no source for a flag that does not exist', () => {
    const known: unknown[] = [...DOCKER_RUN_FLAGS.map(({ long }) => long), 'session', 'workload'];
    for (const name of SOURCES.keys()) assert.ok(known.includes(name), name);
  });
});

describe('the text that the scripts read', () => {
  const text = (candidates: Completions['candidates'], hints: Completions['hints'] = []) =>
    asText({ candidates, hints });

  it('has a candidate on each line, and the hints last', () => {
    assert.equal(
      text([{ word: 'a', about: 'first' }, { word: 'b' }], ['nospace']),
      'a\tfirst\nb\n:nospace\n',
    );
    assert.equal(text([], ['files']), ':files\n');
    assert.equal(text([]), '');
  });

  it('names each candidate once, by what was said of it first', () => {
    assert.equal(
      text([{ word: 'a', about: 'ours' }, { word: '' }, { word: 'a', about: 'other' }]),
      'a\tours\n',
    );
  });

  it('has nothing that a terminal would obey, or that ends the line', () => {
    assert.equal(text([{ word: 'a\x1b[2J' }, { word: 'b\nc' }, { word: 'd\te' }]), '');
    assert.equal(text([{ word: 'a', about: 'x\x1b]0;y\x07\n:files' }]), 'a\tx ]0;y :files\n');
  });
});
