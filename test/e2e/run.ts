/** Runs the end-to-end tests: prepares the cluster and the example, then each test file by itself. */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { prepare } from './harness/cluster.ts';

/** A whole file of tests may take this long (ms), on two slow cores. */
const FILE_LIMIT_MS = 600_000;

await prepare();
const wanted = process.argv.slice(2);
const files = wanted.length > 0 ? wanted : globSync('test/e2e/*.test.ts').sort();
// One at a time: the tests compare what the whole machine looks like before and after.
const args = [
  '--test',
  '--test-concurrency=1',
  `--test-timeout=${FILE_LIMIT_MS}`,
  '--test-reporter=spec',
  ...files,
];
const tests = spawn(process.execPath, args, { stdio: 'inherit' });
tests.on('exit', (code) => process.exit(code ?? 1));
