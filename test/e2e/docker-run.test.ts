/** Command lines under `docker run` and under `tp docker-run`: stdout, exit code, and stderr less tp's lines are equal. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { kubeconfig } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { snapshot } from './harness/snapshot.ts';

const IMAGE = 'examplecom/servicename';
const NETWORK = 'tp-e2e-docker-run';
const CLI = `${import.meta.dirname}/../../dist/tp.mjs`;

const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-docker-run-'));
const file = (name: string) => join(directory, name);

interface Scenario {
  /** Docker's flags, the image and its command. */
  line: string[];
  stdin?: string | Buffer;
  /** Sent to the client when the container has said "ready". */
  signal?: NodeJS.Signals;
  /** Runs it at a terminal of script(1). */
  terminal?: true;
  /** Deleted before each run. */
  makes?: string;
}

const sh = (script: string, ...flags: string[]): string[] => [...flags, IMAGE, 'sh', '-c', script];
const node = (script: string, ...flags: string[]): string[] => [...flags, IMAGE, 'node', '-e', script];

/** Says "ready", and how it was asked to end. */
const waitsFor = (...names: string[]) =>
  `${names.map((name, at) => `process.on('${name}', () => { console.log('got ${name}'); process.exit(${at + 3}); });`).join('')}
   console.log('ready'); setInterval(() => {}, 1000);`;

const MEGABYTE = Buffer.alloc(1024 * 1024, 'all bytes \x00\xff\r\n');

const SCENARIOS: Scenario[] = [
  { line: sh('echo hello') },
  { line: sh('echo out; echo err >&2; exit 7') },
  { line: [IMAGE, 'echo', '--name', '-e', '--', '-it'] },
  { line: ['--', IMAGE, 'echo', 'after the dashes'] },
  { line: [IMAGE, 'echo', '--env-file', 'of the container', '--inspect', '--version'] },
  { line: sh('cat', '-i'), stdin: 'through the pipe\nwithout an end' },
  { line: sh('sha256sum', '--interactive'), stdin: MEGABYTE },
  { line: sh('cat'), stdin: 'nobody reads this' },
  { line: sh('head -c 3000000 /dev/zero | tr "\\0" x') },
  { line: sh('for i in 1 2 3; do echo out $i; echo err $i >&2; done', '--rm') },
  { line: sh('echo kept or not', '--rm=false') },
  { line: sh('printf "%s|" "$A" "$B" "$C"', '-e', 'A=it costs $5 "now"', '-eB=two\nlines', '--env=C=') },
  { line: sh('echo "$FROM_FILE|$QUOTED"', '--env-file', file('env')) },
  { line: sh('env | grep -c ^NODE_VERSION=', '-e', 'NODE_VERSION') },
  { line: sh('pwd; ls -d .', '-w', '/not/there/yet') },
  // The pod's groups are beside it.
  { line: sh('id -u; id -g; id -G | tr " " "\\n" | grep -x 4242', '-u', '1234:5678', '--group-add', '4242') },
  { line: ['--entrypoint', 'node', IMAGE, '-p', '1 + 1'] },
  { line: ['--entrypoint=', IMAGE, 'echo', 'no entrypoint'] },
  { line: sh('cat /data/env; touch /data/x', '-v', `${directory}:/data:ro`) },
  { line: sh('cat /one', '--mount', `type=bind,source=${file('env')},target=/one,readonly`) },
  { line: sh('echo "a: $(ls /a)"; touch /a/new && echo writable', '-v', '/a') },
  {
    line: sh('df -k /t | tail -1 | cut -d" " -f1; mount | grep -o "/t type tmpfs"', '--tmpfs', '/t:size=1m'),
  },
  { line: sh('touch /x', '--read-only') },
  { line: sh('tr "\\0" " " < /proc/1/cmdline', '--init') },
  { line: sh('ulimit -Sn; ulimit -Hn', '--ulimit', 'nofile=123:456') },
  { line: sh('df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2', '--shm-size', '1m') },
  {
    line: sh(
      'grep -E "Cap(Eff|Bnd)|NoNewPrivs" /proc/self/status',
      '--cap-drop',
      'ALL',
      '--cap-add',
      'CHOWN',
    ),
  },
  { line: sh('grep NoNewPrivs /proc/self/status', '--security-opt', 'no-new-privileges') },
  {
    line: sh(
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null',
      '-m',
      '64m',
    ),
  },
  { line: sh('cat /proc/self/oom_score_adj', '--oom-score-adj', '321') },
  { line: sh('ls /dev | grep xnull', '--device', '/dev/null:/dev/xnull') },
  { line: sh('hostname; cat /etc/hostname', '-h', 'my-host') },
  { line: sh('grep db.example /etc/hosts', '--add-host', 'db.example:10.1.2.3') },
  { line: sh('cat /proc/sys/net/core/somaxconn', '--sysctl', 'net.core.somaxconn=77') },
  { line: sh('cat /sys/class/net/eth0/address', '--mac-address', '02:42:ac:11:77:77') },
  {
    line: node(
      'console.log(os.networkInterfaces().eth0[0].address)',
      '--net',
      NETWORK,
      '--ip',
      '172.31.77.7',
    ),
  },
  {
    line: node(
      'console.log(os.networkInterfaces().eth0[0].address)',
      `--network=name=${NETWORK},ip=172.31.77.8`,
    ),
  },
  { line: sh('echo published', '-p', '127.0.0.1:18080:8080', '--expose', '99', '-P') },
  { line: sh('echo named', '--name', 'tp-e2e-named', '-l', 'a=b', '--label=c') },
  { line: sh('echo only out; echo and err >&2', '-a', 'stdout') },
  { line: sh('echo only err >&2; echo and out', '-a', 'stderr') },
  { line: sh('echo not logged', '--log-driver', 'none') },
  { line: sh('echo healthy', '--health-cmd', 'true', '--health-interval=1s') },
  { line: sh('echo limited', '--pids-limit', '50', '--cpus', '0.5', '--cpu-shares=100') },
  { line: sh('echo here already', '--pull', 'never', '-q') },
  { line: sh('echo platform', '--platform', 'linux/amd64') },
  { line: sh('echo $0 ended', '--stop-signal', 'SIGINT', '--stop-timeout', '1') },
  { line: sh('sleep 1; echo listened nowhere') },
  { line: sh('echo id', '--cidfile', file('cid')), makes: file('cid') },
  { line: [IMAGE, '/no/such/program'] },
  { line: [IMAGE, '/etc'] },
  { line: ['--entrypoint', 'no-such-program', IMAGE] },
  { line: sh('test -t 0 && test -t 1 && stty size; printf "raw\\n"', '-it'), terminal: true },
  { line: sh('stty size; exit 4', '-itp18081:80'), terminal: true },
  { line: sh('test -t 1 && echo a terminal without input', '-t') },
  { line: sh('echo never', '-it'), stdin: 'not a terminal' },
  { line: node(waitsFor('SIGTERM')), signal: 'SIGTERM' },
  { line: node(waitsFor('SIGINT', 'SIGTERM')), signal: 'SIGINT' },
  { line: node(waitsFor('SIGUSR2')), signal: 'SIGUSR2' },
  { line: node(waitsFor('SIGHUP'), '--sig-proxy=true'), signal: 'SIGHUP' },
];

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

const text = async (child: ChildProcess, name: 'stdout' | 'stderr', onText?: (all: string) => void) => {
  const chunks: Buffer[] = [];
  for await (const chunk of child[name] ?? []) {
    chunks.push(chunk as Buffer);
    onText?.(Buffer.concat(chunks).toString('latin1'));
  }
  return Buffer.concat(chunks).toString('latin1');
};

async function outcomeOf(
  program: string[],
  { line, stdin, signal, terminal, makes }: Scenario,
): Promise<Outcome> {
  if (makes) rmSync(makes, { force: true });
  const words = [...program, ...line];
  const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const errors = file(`stderr-${randomUUID()}`);
  const [command = '', ...args] = terminal ? ['script', '-qec', `${quoted} 2>${errors}`, '/dev/null'] : words;
  const child = spawn(command, args, {
    env: { ...process.env, KUBECONFIG: kubeconfig, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}); // it ended without reading it
  if (!terminal) child.stdin.end(stdin ?? '');
  let sent = false;
  const closed = once(child, 'close');
  const [stdout, said] = await Promise.all([
    text(child, 'stdout', (all) => {
      if (!signal || sent || !all.includes('ready')) return;
      sent = true;
      child.kill(signal);
    }),
    text(child, 'stderr'),
  ]);
  const [code] = (await closed) as [number | null];
  if (signal) assert.ok(sent, `it never said "ready":\n${stdout}\n${said}`);
  if (makes) assert.match(readFileSync(makes, 'utf8'), /^[0-9a-f]{64}$/);
  return { code, stdout, stderr: terminal ? readFileSync(errors, 'utf8') : said };
}

/** Without tp's own lines, and the few words that Docker's client puts differently for `run` and for `create` and `start`. */
function common({ code, stdout, stderr }: Outcome): Outcome {
  const ours = (word: string) => /^tp(:(?! the input device)| )|^ {2}\S/.test(word);
  const framing =
    /^(Run 'docker run --help'|See 'docker run --help'|failed to start containers|Error: failed to start)/;
  const less = (lines: string) =>
    lines
      .split('\n')
      .filter((word) => !ours(word.replace(/^\x1b\[[\d;]*m/, '').replace('\r', '')))
      .map((word) =>
        word
          .replace(/^tp: (the input device is not a TTY) .*/, '$1')
          .replace(/^docker: /, '')
          .replace(/time="[^"]*" /, ''),
      )
      .filter((word) => word !== '' && !framing.test(word))
      .join('\n');
  return { code, stdout: less(stdout), stderr: less(stderr) };
}

describe('a command line does under tp docker-run what it does under docker run', { concurrency: 2 }, () => {
  let previous: unknown;
  before(async () => {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
    writeFileSync(file('env'), 'FROM_FILE=it costs $5\nQUOTED="as it is"\n');
    await docker('network', 'create', '--subnet', '172.31.77.0/24', NETWORK);
    previous = await snapshot();
  });
  after(async () => {
    try {
      assert.deepEqual(await snapshot(), previous, 'nothing is left behind');
    } finally {
      await docker('network', 'rm', NETWORK);
      rmSync(directory, { recursive: true });
    }
  });

  test('there are at least 40 of them', () => assert.ok(SCENARIOS.length >= 40));

  for (const scenario of SCENARIOS) {
    const { line, signal, terminal } = scenario;
    const how = [signal ? [signal] : [], terminal ? ['at a terminal'] : []].flat().join(' ');
    const title = line.join(' ').replaceAll(directory, 'DIR').replace(/\s+/g, ' ').slice(0, 100);
    test(`${title} ${how}`.trim(), async () => {
      // `docker run` keeps what it made without --rm, which is not the question here.
      const plain = line.some((word) => word.startsWith('--rm')) ? [] : ['--rm'];
      const expected = await outcomeOf(['docker', 'run', ...plain], scenario);
      if (line.includes('--rm=false')) await removeLast();
      const own = ['--no-inbound', '--workload', 'deployment/servicename'];
      const actual = await outcomeOf([process.execPath, '--', CLI, 'docker-run', ...own], scenario);
      assert.deepEqual(common(actual), common(expected), `stderr of tp:\n${actual.stderr}`);
    });
  }
});

/** Removes the container that `docker run --rm=false` left. */
async function removeLast(): Promise<void> {
  const id = (await docker('ps', '-aq', '--filter', `ancestor=${IMAGE}`, '--filter', 'status=exited')).trim();
  assert.match(id, /^[0-9a-f]+$/);
  await docker('rm', '-v', id);
}
