import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runQuietly } from '../../src/completion/quiet-process.ts';
import { ended } from './processes.ts';

const MODULE = join(import.meta.dirname, '../../src/completion/quiet-process.ts');

/** Runs a module's text with Node, in a terminal of its own; gives what it writes. */
async function inTerminal(text: string): Promise<string> {
  const node = `${process.execPath} --input-type=module --eval '${text}'`;
  const { stdout } = await promisify(execFile)('script', ['-qec', node, '/dev/null']);
  return stdout.trim();
}

describe('a program that runs quietly', () => {
  it('gives its output, or nothing where it fails', async () => {
    assert.equal(await runQuietly('sh', ['-c', 'echo "$1"; echo x >&2', 'sh', 'a b']), 'a b\n');
    assert.equal(await runQuietly('sh', ['-c', 'echo "$NAME"'], { ...process.env, NAME: 'x' }), 'x\n');
    assert.equal(await runQuietly('sh', ['-c', 'echo a; exit 3']), undefined);
    assert.equal(await runQuietly('/nonexistent/program', []), undefined);
  });

  it('has no input, and no terminal at which it could ask', async () => {
    const probe = 'cat; if (: </dev/tty) 2>/dev/null; then echo terminal; else echo none; fi';
    const direct = `import { spawnSync } from "node:child_process";
      spawnSync("sh", ["-c", "${probe.replace('cat; ', '')}"], { stdio: "inherit" });`;
    assert.equal(await inTerminal(direct), 'terminal');
    const quiet = `import { runQuietly } from "${MODULE}";
      console.log(await runQuietly("sh", ["-c", "${probe}"]));`;
    assert.equal(await inTerminal(quiet), 'none');
  });

  it('ends with the process that runs it, and so does what it has started', { timeout: 10_000 }, async () => {
    const text = `
      import { runQuietly } from '${MODULE}';
      import { existsSync, watch, readFileSync, mkdtempSync } from 'node:fs';
      const directory = mkdtempSync('/tmp/tp-quiet-');
      const file = directory + '/pids';
      runQuietly('sh', ['-c', 'sleep 60 & echo $$ $! >' + file + '.new; mv ' + file + '.new ' + file + '; wait']);
      const look = () => {
        if (!existsSync(file)) return;
        process.stdout.write(readFileSync(file, 'utf8') + directory);
        process.exit();
      };
      watch(directory, look);
      look(); // it may have been quicker than the watch`;
    const node = ['--input-type=module', '--eval', text];
    const { stdout } = await promisify(execFile)(process.execPath, node, { timeout: 10_000 });
    const [pids = '', directory = ''] = stdout.split('\n');
    rmSync(directory, { recursive: true });
    const [shell, child] = pids.split(' ').map(Number);
    assert.ok(shell && child, stdout);
    await Promise.all([shell, child].map(ended));
  });
});
