/** What a process sees in a pod of the workload, beside what it sees in the laptop's container, key by key. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildSync } from 'esbuild';
import { apply, inCluster, kubectl, kubectlArguments, withInput } from './harness/cluster.ts';
import { buildGo, buildMusl } from './harness/programs.ts';
import { Tp } from './harness/tp.ts';
import { OBJECTS, SERVER, SURROUNDINGS, WIDE, WORKLOAD } from './parity/manifests.ts';
import type { ParityRow } from './parity/report.ts';

const NAME = 'tp-e2e-parity';
const IMAGE = 'examplecom/servicename:1.0';
const RESULTS = new URL('parity/results.json', import.meta.url);
const PROBE = readFileSync(new URL('parity/probe.mjs', import.meta.url), 'utf8');

/** An address of the documentation's (RFC 5737): no route of the cluster has it. */
const NOBODY = '192.0.2.77';

/** What one pod has and another has not, whoever made them: its name and its address. */
const ONE_PODS_OWN = new Set(['hostname', 'env HOSTNAME', 'env POD_NAME', 'env POD_IP']);

/** What Docker gives a container and a kubelet does not, and what is tp's own; docs/parity.md says what comes of it. */
const NOT_EQUAL = new Set([
  '/proc/self/status Seccomp',
  'file /etc/pod/labels',
  'file /etc/pod/annotations',
  'a peer sees the socket’s port',
]);

/** What resolvers other than the image's own are asked, in a kind and a name. */
const ASKED = [
  ['host', 'thing1'],
  ['host', 'thing1.default'],
  ['host', 'thing3.other'],
  ['host', 'thing1.default.svc.cluster.local'],
  ['host', 'thing1.default.svc.cluster.local.'],
  ['host', 'nosuch'],
  ['host', 'nosuch.example.internal'],
  ['host', 'localhost'],
  ['host', 'parity-external'],
  ['host', 'parity-headless'],
  ['host', 'queue-0.queue-nodes'],
  ['host', 'parity-host-alias'],
  ['host', 'orders.db.example.internal'],
  ['count', 'parity-wide'],
] as const;

/** What only Go's resolver asks. */
const ASKED_BY_GO = [
  ['srv', '_http._tcp.thing1.default.svc.cluster.local'],
  ['txt', 'dns-version.cluster.local'],
  ['mx', 'thing1.default.svc.cluster.local'],
  ['cname', 'parity-external.default.svc.cluster.local'],
] as const;

type Seen = Record<string, unknown>;

/** Runs a command somewhere, with this on its stdin; gives its stdout. */
type Run = (command: string[], input: string | Uint8Array) => Promise<string>;

const inPod: Run = (command, input) => {
  const [program, prefix] = kubectlArguments;
  return withInput(program, [...prefix, 'exec', '-i', 'deploy/parity', '--', ...command], input);
};
const onLaptop: Run = (command, input) => withInput('docker', ['exec', '-i', NAME, ...command], input);
const inPlainDocker: Run = (command, input) =>
  withInput('docker', ['run', '--rm', '-i', IMAGE, ...command], input);

const addressOf = async (app: string) =>
  await kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[0].status.podIP}');

describe('a process in the laptop’s container', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-parity-'));
  let session: Tp;
  let look: (run: Run) => Promise<Seen>;
  let pod: Seen;
  let laptop: Seen;

  before(async () => {
    const resolvers = { Go: join(directory, 'go'), musl: join(directory, 'musl') };
    await Promise.all([buildGo('lookup.go', resolvers.Go), buildMusl('lookup.c', resolvers.musl, '-static')]);
    await apply(SURROUNDINGS);
    await kubectl('rollout', 'status', 'deploy/parity-peer', '--timeout=60s');
    await apply(WORKLOAD);
    await kubectl('rollout', 'status', 'deploy/parity', '--timeout=60s');
    const [podOfThing1, podOfPeer] = [await addressOf('thing1'), await addressOf('parity-peer')];
    const queue = ['get', 'pod', 'queue-0', '-o', 'jsonpath={.status.podIP}'];
    const argument = JSON.stringify({
      podOfThing1,
      podOfPeer,
      podOfQueue: await kubectl(...queue),
      nobody: NOBODY,
    });
    const lookup = async (run: Run, who: keyof typeof resolvers, asked: readonly (readonly string[])[]) => {
      const words = asked.flatMap(([kind = '', name = '', what = `${kind} ${name}`]) => [
        `${who}’s resolver: ${what}`,
        kind,
        name,
      ]);
      const start = 'cat > /tmp/lookup; chmod +x /tmp/lookup; exec /tmp/lookup "$@"';
      return JSON.parse(await run(['sh', '-c', start, 'sh', ...words], readFileSync(resolvers[who]))) as Seen;
    };
    const reverse = [['ptr', podOfThing1, 'ptr of a pod']];
    look = async (run) => ({
      ...(JSON.parse(await run(['node', '--input-type=module', '-', argument], PROBE)) as Seen),
      ...(await lookup(run, 'Go', [...ASKED, ...reverse, ...ASKED_BY_GO])),
      ...(await lookup(run, 'musl', [...ASKED, ...reverse])),
    });
    pod = await look(inPod);
    const flags = ['--name', NAME, '--workload', 'deployment/parity'];
    session = await Tp.session([...flags, IMAGE, 'node', '-e', SERVER], /Service parity is switched/);
    laptop = await look(onLaptop);
  });
  after(async () => {
    await session?.end();
    for (const objects of OBJECTS) await kubectl('delete', ...objects, '--ignore-not-found');
    rmSync(directory, { recursive: true });
  });

  // For the table in docs/parity.md: TP_PARITY_RESULTS=1 node --test test/e2e/parity.test.ts && npm run docs
  test('is compared with a plain docker run, too', async () => {
    const docker = await look(inPlainDocker);
    const told = (seen: Seen, key: string) => (seen[key] === undefined ? '–' : `${seen[key]}`);
    const rows: ParityRow[] = Object.keys(pod)
      .filter((key) => !ONE_PODS_OWN.has(key))
      .map((key) => ({ key, pod: told(pod, key), tp: told(laptop, key), docker: told(docker, key) }));
    assert.ok(rows.filter(({ pod: seen, docker: other }) => seen !== other).length > 20, 'they differ');
    if (process.env.TP_PARITY_RESULTS) writeFileSync(RESULTS, `${JSON.stringify(rows, null, 2)}\n`);
  });

  test('sees what the pod sees', () => {
    const keys = new Set([...Object.keys(pod), ...Object.keys(laptop)]);
    assert.ok(keys.size > 150, `the probe saw something: ${keys.size} keys`);
    const different = [...keys].filter((key) => {
      if (ONE_PODS_OWN.has(key) || NOT_EQUAL.has(key)) return false;
      return JSON.stringify(pod[key]) !== JSON.stringify(laptop[key]);
    });
    const rows = different.map((key) => ({ key, pod: pod[key], laptop: laptop[key] }));
    assert.deepEqual(rows, []);
  });

  test('what cannot be equal is not: the list holds nothing that is', () => {
    for (const key of NOT_EQUAL) assert.notDeepEqual(laptop[key], pod[key], key);
    for (const key of ['file /etc/pod/labels', 'file /etc/pod/annotations']) {
      const lines = `${laptop[key]}`.split('\n').filter((line) => !line.startsWith('tp/'));
      assert.equal(lines.join('\n'), pod[key], 'tp’s own marks are all that differs');
    }
  });

  test('gets the answers that it should, wherever it is', () => {
    const expected = {
      'connect to a Service': 'accepted',
      'connect to a closed port of a pod': 'ECONNREFUSED',
      'connect to a Service without pods': 'ECONNREFUSED',
      'connect to an address that is nobody’s': 'silent',
      'a peer that speaks first is heard': 'hello',
      'a peer that resets after a question': 'ECONNRESET',
      'a peer that resets at once': 'ECONNRESET',
      'a peer that closes its half is heard to its end': 'over',
      'a peer that has closed its half hears': 'ended',
      'a peer answers when our half is closed': 'heard us',
      'a peer that we reset sees': 'ECONNRESET',
      'a peer that we leave sees': 'ended',
      'a peer that does not accept': 'silent',
      'a peer sees the pod’s address': true,
      'a peer sees the socket’s port': true,
      'UDP to a closed port of a pod': 'ECONNREFUSED',
      'UDP to a UDP Service': 'anybody there?',
      'UDP to several peers from one socket, and who answers': 'one true,xxx true,xxxxx true,two true',
      'UDP answered by another port of the peer': 'from another port true',
      'UDP of 1472 bytes there': '1472 bytes, whole',
      'UDP of 8192 bytes there': '8192 bytes, whole',
      'UDP of 8192 bytes back': '8192 bytes, whole',
      'UDP: a peer sees the pod’s address': true,
      'dns A nosuch.default.svc.cluster.local': 'error ENOTFOUND',
      'dns AAAA thing1.default.svc.cluster.local': 'error ENODATA',
      'dns by TCP: parity-wide.default.svc.cluster.local': `whole, ${WIDE.length} answers, over 512 bytes`,
      'Go’s resolver: count parity-wide': `${WIDE.length}`,
      'Go’s resolver: host nosuch': 'error no such host',
      'musl’s resolver: host nosuch': 'error Name does not resolve',
      'hostname is the pod’s name': true,
      'own name is own address': true,
      'env EXPANDED': 'probed in default, not $(NOTE) nor $(NOWHERE)',
      'env FROM_CONFIG_lines': 'one\n\ttwo\n',
      'env MEMORY_LIMIT': `${300 * 1024 * 1024}`,
      'env CPU_REQUEST': '15',
      'file /etc/pod/memory': '300',
      'file /etc/pod/cpu': '15',
    };
    const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, pod[key]]));
    assert.deepEqual(seen, expected, 'the probe sees nothing otherwise');
    const late = Object.entries(laptop).filter(([, value]) => /, late$/.test(`${value}`));
    assert.deepEqual(late, [], 'what is not silent comes at once');
    assert.match(
      `${pod['dns by UDP without EDNS: parity-wide.default.svc.cluster.local']}`,
      /^truncated, .* within 512 bytes$/,
    );
    assert.equal(JSON.parse(`${pod['getaddrinfo parity-wide']}`).length, WIDE.length);
  });

  test('is let in by the cluster as its service account, with a client as it is', async () => {
    const client = `
      import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
      const config = new KubeConfig();
      config.loadFromCluster();
      const core = config.makeApiClient(CoreV1Api);
      const { namespace } = config.getContextObject(config.currentContext);
      const { items } = await core.listNamespacedConfigMap({ namespace });
      const refused = await core.listNamespacedSecret({ namespace }).catch(({ code }) => code);
      console.log(JSON.stringify({ namespace, names: items.map(({ metadata }) => metadata.name), refused }));`;
    const { outputFiles } = buildSync({
      stdin: { contents: client, resolveDir: import.meta.dirname },
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' },
      write: false,
    });
    const command = ['node', '--input-type=module', '-'];
    const [seen, expected] = [
      await onLaptop(command, outputFiles[0]?.contents ?? ''),
      await inPod(command, outputFiles[0]?.contents ?? ''),
    ].map((out) => JSON.parse(out) as { namespace: string; names: string[]; refused: number });
    assert.deepEqual(seen, expected);
    assert.ok(seen?.names.includes('parity'), `${seen?.names}`);
    assert.deepEqual([seen?.namespace, seen?.refused], ['default', 403]);
  });

  test('is called by who is calling: the socket shows the caller’s own address', async () => {
    const script = `
      const { networkInterfaces } = await import('node:os');
      const seen = await (await fetch('http://parity/')).text();
      console.log(JSON.stringify({ seen, own: networkInterfaces().eth0[0].address }));`;
    const { seen, own } = JSON.parse(await inCluster(script)) as { seen: string; own: string };
    assert.equal(seen.replace(/^::ffff:/, ''), own);
  });
});
