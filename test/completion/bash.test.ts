import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { scriptFor } from '../../src/completion/script.ts';

/** What readline hands to the function: the line, its pieces, and the text that is to be replaced. */
interface Readline {
  line: string;
  /** The line as COMP_WORDS has it: broken at ":", "=" and "@" too, the last one at the cursor. */
  pieces: string[];
  replaced: string;
}

/** Calls the function of the script as bash does, with a `tp` that answers so. */
async function inBash(
  { line, pieces, replaced }: Readline,
  answer: string,
): Promise<{ asked: string[]; offered: string[]; options: string[] }> {
  const script = `
    ${scriptFor('bash')}
    tp() { printf 'asked:%s\\n' "$@" >&3; printf '%s' "$ANSWER"; }
    compopt() { printf 'option:%s\\n' "$2"; }
    COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=("\${@:3}") COMP_CWORD=$(($# - 3))
    exec 3>&1
    _tp tp "$2" ''
    printf 'offered:%s\\n' "\${COMPREPLY[@]}"`;
  const args = ['--norc', '-c', script, 'bash', line, replaced, ...pieces];
  const { stdout } = await promisify(execFile)('bash', args, { env: { ...process.env, ANSWER: answer } });
  const lines = stdout.trimEnd().split('\n');
  const of = (kind: string) =>
    lines.filter((each) => each.startsWith(`${kind}:`)).map((each) => each.slice(kind.length + 1));
  const [command, dashes, ...asked] = of('asked');
  assert.deepEqual([command, dashes], ['__complete', '--']);
  return { asked, offered: of('offered').filter(Boolean), options: of('option') };
}

/** A line, what tp is asked for it, what tp answers, and what readline puts in place of the text. */
const CASES: readonly (Readline & { asked: string[]; answer: string[]; offered: string[] })[] = [
  {
    line: 'tp doc',
    pieces: ['tp', 'doc'],
    replaced: 'doc',
    asked: ['doc'],
    answer: ['docker-run\trun an image', 'leave'],
    offered: ['docker-run'],
  },
  {
    line: 'tp  leave ',
    pieces: ['tp', 'leave', ''],
    replaced: '',
    asked: ['leave', ''],
    answer: ['aaaa\tada@laptop', 'bbbb'],
    offered: ['aaaa', 'bbbb'],
  },
  {
    line: 'tp docker-run --namespace=st',
    pieces: ['tp', 'docker-run', '--namespace', '=', 'st'],
    replaced: 'st',
    asked: ['docker-run', '--namespace=st'],
    answer: ['--namespace=staging', '--namespace=other'],
    offered: ['staging'],
  },
  {
    line: 'tp docker-run --namespace=',
    pieces: ['tp', 'docker-run', '--namespace', '='],
    replaced: '',
    asked: ['docker-run', '--namespace='],
    answer: ['--namespace=staging', '--namespace=other'],
    offered: ['staging', 'other'],
  },
  {
    line: 'tp docker-run registry.example:5000/web:1',
    pieces: ['tp', 'docker-run', 'registry.example', ':', '5000/web', ':', '1'],
    replaced: '1',
    asked: ['docker-run', 'registry.example:5000/web:1'],
    answer: ['registry.example:5000/web:1.0', 'registry.example:5000/web:2.0'],
    offered: ['1.0'],
  },
  {
    line: 'tp docker-run --context=admin@k',
    pieces: ['tp', 'docker-run', '--context', '=', 'admin', '@k'],
    replaced: '@k',
    asked: ['docker-run', '--context=admin@k'],
    answer: ['--context=admin@kube'],
    offered: ['@kube'],
  },
  {
    line: 'tp docker-run -p 80:80 -v "$PWD/a b:/app" --context "my c',
    pieces: ['tp', 'docker-run', '-p', '80', ':', '80', '-v', '"$PWD/a b:/app"', '--context', '"my c'],
    replaced: 'my c',
    asked: ['docker-run', '-p', '80:80', '-v', '$PWD/a b:/app', '--context', 'my c'],
    answer: ['my cluster', 'my $(cluster)', 'my c`d`', 'other'],
    offered: ['my cluster'],
  },
  {
    line: 'tp docker-run --context my\\ c',
    pieces: ['tp', 'docker-run', '--context', 'my\\ c'],
    replaced: 'my\\ c',
    asked: ['docker-run', '--context', 'my c'],
    answer: ['my cluster', 'my c$(touch x)'],
    offered: ['my\\ cluster', 'my\\ c\\$\\(touch\\ x\\)'],
  },
];

describe('the script for bash', () => {
  for (const { asked, answer, offered, ...readline } of CASES) {
    it(`completes "${readline.line}"`, async () => {
      const found = await inBash(readline, `${answer.join('\n')}\n`);
      assert.deepEqual(found, { asked, offered, options: [] });
    });
  }

  it('asks for the line up to the cursor only', async () => {
    const readline = { line: 'tp lea', pieces: ['tp', 'leave'], replaced: 'lea' };
    assert.deepEqual((await inBash(readline, 'leave\n')).asked, ['lea']);
  });

  it('does what the hints say', async () => {
    const readline = { line: 'tp x ', pieces: ['tp', 'x', ''], replaced: '' };
    const hints = { files: 'default', directories: 'dirnames', nospace: 'nospace' };
    for (const [hint, option] of Object.entries(hints)) {
      const { offered, options } = await inBash(readline, `size=\n:${hint}\n`);
      assert.deepEqual([offered, options], [['size='], [option]]);
    }
  });

  it('offers nothing where tp says nothing', async () => {
    const { offered } = await inBash({ line: 'tp x ', pieces: ['tp', 'x', ''], replaced: '' }, '');
    assert.deepEqual(offered, []);
  });
});
