/** Runs the end-to-end tests: prepares the cluster and the example, then each test file by itself. */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { prepare, tellState } from './harness/cluster.ts';

/** One test may take this long (ms), on two slow cores, where the first of all makes its images. */
const TEST_LIMIT_MS = 420_000;

await prepare();
const wanted = process.argv.slice(2);
const files = wanted.length > 0 ? wanted : globSync('test/e2e/*.test.ts').sort();
// One at a time: the tests compare what the whole machine looks like before and after.
const args = [
  '--test',
  '--test-concurrency=1',
  `--test-timeout=${TEST_LIMIT_MS}`,
  // A file whose tests are over does not go on for what one that failed has left running.
  '--test-force-exit',
  '--test-reporter=spec',
  ...files,
];
const tests = spawn(process.execPath, args, { stdio: 'inherit' });
tests.on('exit', async (code) => {
  if (code !== 0) await tellState();
  process.exit(code ?? 1);
});
