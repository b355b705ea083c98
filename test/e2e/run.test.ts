/** What people use of `docker run` daily, and tp's own flags. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { callService, kubectl, withInput } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const CLI = `${import.meta.dirname}/../../dist/tp.mjs`;

describe('docker run', () => {
  test('-v, -e, -w, --entrypoint, -u, --name, --label and arguments after the image', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tp-run-'));
    chmodSync(directory, 0o755);
    try {
      writeFileSync(join(directory, 'hello.txt'), 'from the host');
      const flags = [
        '-v',
        `${directory}:/data:ro`,
        '-e',
        'TEXT=it costs $5\nand "more"',
        '-w',
        '/data',
        '-u',
        '1234',
        '--name',
        'tp-e2e-run',
        '--entrypoint',
        'node',
      ];
      const script = `console.log(JSON.stringify([process.cwd(), process.getuid(), process.env.TEXT, require('fs').readFileSync('hello.txt', 'utf8'), process.argv.slice(1)]))`;
      const { code, stdout, stderr } = await tp(
        'docker-run',
        ...flags,
        IMAGE,
        '-e',
        script,
        '--',
        '--name',
        '-x',
      );
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), [
        '/data',
        1234,
        'it costs $5\nand "more"',
        'from the host',
        ['--name', '-x'],
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('-i: stdin goes in, stdout comes out, and nothing of ours is in it', async () => {
    const command = new Tp(['docker-run', '-i', IMAGE, 'sh', '-c', 'cat; exit 5'], { input: 'pipe' });
    command.child.stdin?.end('through the pipe\n');
    assert.equal(await command.exited, 5, command.stderr);
    assert.equal(command.stdout, 'through the pipe\n');
  });

  test('-it: a terminal inside, as with docker run', async () => {
    const line = `${process.execPath} ${CLI} docker-run -it ${IMAGE} sh -c 'test -t 0 && test -t 1 && echo a terminal; stty size; exit 4'`;
    const env = ['env', `KUBECONFIG=${process.env.TP_TEST_KUBECONFIG ?? '/var/lib/tpcluster/kubeconfig'}`];
    // script(1) gives it a terminal; -e hands the exit code on.
    const output = await withInput(
      'sh',
      ['-c', `script -qec "${[...env, line].join(' ')}" /dev/null; echo code $?`],
      '',
    );
    assert.match(output, /a terminal\r\n/);
    assert.match(output, /code 4/);
  });

  test('-it: a new size of the terminal reaches the process', async () => {
    // A terminal of Python's, since Node has none to give: it changes its size when the process is ready.
    const script = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
while True:
    try:
        chunk = os.read(fd, 4096)
    except OSError:
        break
    if not chunk:
        break
    if b'ready' in chunk and b'ready' not in seen:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 41, 101, 0, 0))
    seen += chunk
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
    const command = `trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.1; done`;
    const env = `KUBECONFIG=${process.env.TP_TEST_KUBECONFIG ?? '/var/lib/tpcluster/kubeconfig'}`;
    const line = ['env', env, process.execPath, '--', CLI, 'docker-run', '-it', IMAGE, 'sh', '-c', command];
    assert.match(await withInput('python3', ['-c', script, ...line], ''), /41 101/);
  });

  test('--poll makes programs that reload look at files; what the user sets goes before it', async () => {
    const flags = ['--poll', '-e', 'WATCHPACK_POLLING=500', '--no-inbound'];
    const script = 'console.log(process.env.CHOKIDAR_USEPOLLING, process.env.WATCHPACK_POLLING)';
    const { code, stdout, stderr } = await tp('docker-run', ...flags, IMAGE, 'node', '-e', script);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'true 500\n');
  });

  test('-P publishes what the image exposes; --dns-search and --dns-option add to what the pod has', async () => {
    const flags = ['-P', '--dns-search', 'corp.example', '--dns-option', 'ndots:2', '--no-inbound'];
    const { code, stdout, stderr } = await tp('docker-run', ...flags, IMAGE, 'cat', '/etc/resolv.conf');
    assert.equal(code, 0, stderr);
    for (const port of [8080, 9090])
      assert.match(stderr, new RegExp(`published: 0\\.0\\.0\\.0:\\d+ -> ${port}/tcp`));
    assert.match(
      stdout,
      /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local corp\.example$/m,
    );
    assert.match(stdout, /^options .*\bndots:2\b/m);
    assert.doesNotMatch(stdout, /ndots:5/);
  });

  test('a container that was detached from its network before: --network names one to be reached beside the cluster', async () => {
    await docker('network', 'create', 'tp-e2e-net');
    try {
      await docker(
        'run',
        '-d',
        '--rm',
        '--name',
        'tp-e2e-sibling',
        '--network',
        'tp-e2e-net',
        'node:24-slim',
        'node',
        '-e',
        `require('http').createServer((q, r) => r.end('sibling')).listen(80)`,
      );
      const script = `
        const sibling = await (await fetch('http://tp-e2e-sibling/')).text();
        const thing = (await (await fetch('http://thing1/')).json()).name;
        console.log(sibling, thing);`;
      const { code, stdout, stderr } = await tp(
        'docker-run',
        '--network',
        'tp-e2e-net',
        IMAGE,
        'node',
        '--input-type=module',
        '-e',
        script,
      );
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'sibling thing1\n');
    } finally {
      await docker('rm', '-f', 'tp-e2e-sibling');
      await docker('network', 'rm', 'tp-e2e-net');
    }
  });

  test("values of the pod's environment are in no command line and no label", async () => {
    const session = await Tp.session([IMAGE], /Service servicename is switched/);
    try {
      const secret = 'only-the-cluster-knows';
      const lines = readProcesses();
      assert.ok(
        lines.some((line) => line.includes('docker\0start')),
        'the client of the container is among them',
      );
      assert.deepEqual(
        lines.filter((line) => line.includes(secret)),
        [],
      );
      const labels = await docker('ps', '-a', '--format', '{{.Labels}}');
      assert.ok(!labels.includes(secret));
      assert.ok(!session.stderr.includes(secret));
      const config = await kubectl('get', 'configmaps', '-l', 'tp/session', '-o', 'yaml');
      assert.ok(!config.includes(secret));
    } finally {
      await session.end();
    }
  });
});

/** Command lines and environments of all processes that are outside of containers of ours. */
function readProcesses(): string[] {
  const { globSync } = process.getBuiltinModule('node:fs');
  return globSync('/proc/[0-9]*/cmdline').map((path) => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return ''; // it has ended
    }
  });
}

describe("tp's own flags", () => {
  test('--dry-run prints the plan and changes nothing', async () => {
    const before = await snapshot();
    const { code, stdout } = await tp('docker-run', '--dry-run', IMAGE);
    assert.equal(code, 0);
    assert.match(stdout, /stands in for deployment\/servicename/);
    assert.match(stdout, /Service servicename \(80 -> 8080\) is switched when the process listens/);
    assert.deepEqual(await snapshot(), before);
  });

  test('--dry-run --output yaml prints objects that the API server accepts, and the patches', async () => {
    const { code, stdout } = await tp('docker-run', '--dry-run', '--output', 'yaml', IMAGE);
    assert.equal(code, 0);
    const documents = parseAllDocuments(stdout).map(
      (document) => document.toJS() as { kind?: string; patch?: string },
    );
    assert.deepEqual(
      documents.map(({ kind, patch }) => kind ?? patch),
      ['ConfigMap', 'Service', 'Deployment', 'service/servicename', 'service/servicename-metrics'],
    );
    const objects = stdout.split('---\n').slice(0, 3).join('---\n');
    const [program, prefix] = (await import('./harness/cluster.ts')).kubectlArguments;
    await withInput(program, [...prefix, 'create', '--dry-run=server', '-f', '-'], objects);
  });

  test('a StatefulSet: its ClusterIP Service is switched, its headless one left alone', async () => {
    const server = `require('node:http').createServer((q, r) => r.end('queue on the laptop')).listen(+process.argv[1]); process.on('SIGTERM', () => process.exit(0));`;
    const ports = await kubectl(
      'get',
      'service',
      'queue',
      '-o',
      'jsonpath={.spec.ports[0].targetPort} {.spec.ports[0].port}',
    );
    const declared = await kubectl(
      'get',
      'statefulset',
      'queue',
      '-o',
      'jsonpath={.spec.template.spec.containers[0].ports[0].containerPort}',
    );
    const port = ports.split(' ')[1];
    await using session = await Tp.session(
      ['--workload', 'statefulset/queue', 'node:24-slim', 'node', '-e', server, declared],
      /Service queue is switched/,
    );
    assert.match(session.stderr, /Service queue-nodes is left alone: it is headless/);
    await eventually(
      () => callService(`http://queue:${port}/`),
      (text) => text === 'queue on the laptop',
    );
    assert.match(await callService(`http://queue-0.queue-nodes:${declared}/`), /queue-0/);
  });

  test('--no-workload: DNS, outbound and the service links, and no Service is touched', async () => {
    const before = await kubectl('get', 'services', '-o', 'yaml');
    const script = `
      const thing = (await (await fetch('http://thing1/')).json()).name;
      console.log(thing, Boolean(process.env.THING1_SERVICE_HOST), Boolean(process.env.DATABASE_URL));`;
    const command = [
      'docker-run',
      '--no-workload',
      'node:24-slim',
      'node',
      '--input-type=module',
      '-e',
      script,
    ];
    const { code, stdout, stderr } = await tp(...command);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'thing1 true false\n');
    assert.equal(await kubectl('get', 'services', '-o', 'yaml'), before);
  });
});
