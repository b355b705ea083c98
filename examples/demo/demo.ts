/** The main job, told as it happens: on the embedded cluster, or on the one that TP_TEST_KUBECONFIG names. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callService, embedded, prepare } from '../../test/e2e/harness/cluster.ts';
import { snapshot } from '../../test/e2e/harness/snapshot.ts';
import { Tp } from '../../test/e2e/harness/tp.ts';
import { announce, confirmed } from './consent.ts';

const SERVICE = 'http://servicename/';
const OLD_GREETING = 'Hello from servicename';
const NEW_GREETING = 'Hello from my laptop';

interface Answer {
  greeting: string;
  hostname: string;
  orders: { item: string }[];
}

const terminal = process.stdout.isTTY && !process.env.NO_COLOR;
const tell = (line: string) => console.log(terminal ? `\x1b[1m▸ ${line}\x1b[0m` : `▸ ${line}`);
const measured: [string, number][] = [];

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  const result = await work();
  measured.push([what, performance.now() - begin]);
  return result;
}

async function ask(): Promise<Answer> {
  return JSON.parse(await callService(SERVICE)) as Answer;
}

function describe({ greeting, hostname, orders }: Answer): string {
  return `"${greeting}", says ${hostname}, with ${orders.length} rows of the cloud database: ${orders.map(({ item }) => item).join(', ')}`;
}

/** Asks until the answer has this greeting; gives the last answer. */
async function askUntil(greeting: string, limitMs: number): Promise<Answer> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer.greeting === greeting) return answer;
    if (performance.now() > end) throw new Error(`still ${answer.greeting} after ${limitMs} ms`);
  }
}

async function story(source: string): Promise<void> {
  tell('A pod of the cluster asks http://servicename/, and staging answers:');
  const before = await ask();
  assert.equal(before.greeting, OLD_GREETING);
  console.log(`  ${describe(before)}`);

  tell(`tp docker-run -v ${source}:/app examplecom/servicename npm run dev`);
  const tp = await timed('from the command to the switched Service', async () => {
    const started = new Tp([
      'docker-run',
      '--rm',
      '-v',
      `${source}:/app`,
      'examplecom/servicename',
      'npm',
      'run',
      'dev',
    ]);
    started.child.stderr?.on('data', (chunk: Buffer) =>
      process.stdout.write(`${chunk.toString().replace(/^/gm, '  ').trimEnd()}\n`),
    );
    await started.says(/Service servicename is switched/);
    return started;
  });
  try {
    tell('The same pod asks again, and the laptop answers, with rows that only the cluster can reach:');
    const during = await timed('to the first answer from the laptop', async () => {
      for (;;) {
        const answer = await ask();
        if (answer.hostname !== before.hostname && answer.hostname.startsWith('tp-')) return answer;
      }
    });
    console.log(`  ${describe(during)}`);

    tell('A line of the source is edited on the laptop:');
    const file = join(source, 'server.js');
    console.log(`  - const GREETING = '${OLD_GREETING}';\n  + const GREETING = '${NEW_GREETING}';`);
    writeFileSync(file, readFileSync(file, 'utf8').replace(OLD_GREETING, NEW_GREETING));
    const edited = await timed('from saving the file to the new answer', () =>
      askUntil(NEW_GREETING, 20_000),
    );
    console.log(`  ${describe(edited)}`);

    tell('Ctrl-C:');
  } finally {
    await timed('from Ctrl-C to everything restored', () => tp.end('SIGINT'));
  }
  tell('Staging answers again:');
  const after = await timed('to the first answer from staging', () => askUntil(OLD_GREETING, 10_000));
  console.log(`  ${describe(after)}`);
}

announce(embedded);
if (!(await confirmed())) process.exit(1);
await timed('setting everything up', prepare);
const source = mkdtempSync(join(tmpdir(), 'tp-demo-'));
try {
  chmodSync(source, 0o755); // the image's user is not the host's
  cpSync('examples/servicename', source, { recursive: true });
  const before = await snapshot();
  await story(source);
  assert.deepEqual(await snapshot(), before);
  tell('Docker, the cluster and the host are as they were before: nothing is left behind.');
} finally {
  rmSync(source, { recursive: true, force: true });
}
tell('Measured:');
for (const [what, ms] of measured) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${what}`);
if (embedded) tell('To undo the set-up: npm run cluster -- down --purge');
