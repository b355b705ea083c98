/** What is kept on the laptop, by range and by name: it goes nowhere else, and nothing else goes there, also without a link. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { docker, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { lanHost } from './harness/lan.ts';
import { Relay } from './harness/relay.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp, tp } from './harness/tp.ts';

const NAME = 'tp-e2e-local-name';
const SESSION = ['--workload', 'deployment/servicename', '--no-inbound', '--name', NAME];

/** A Service of the cluster that the laptop knows nothing of; and one that is the cluster's in the session, too. */
const KNOWN_TO_CLUSTER = 'thing2';
const OF_CLUSTER = 'thing1';

/** No such name takes less (ms): nobody is waited for. */
const AT_ONCE_MS = 500;

/** What becomes of each URL and each TCP address: the text, or the error's code, with how long it took (ms). */
const ASK = `
  import net from 'node:net';
  const results = {};
  for (const target of process.argv.slice(2)) {
    const began = performance.now();
    const end = (result) => (results[target] = [result, Math.round(performance.now() - began)]);
    if (target.startsWith('http')) {
      const signal = AbortSignal.timeout(2000);
      end(await fetch(target, { signal }).then((r) => r.text(), (e) => e.cause?.code ?? e.name));
    } else {
      const [host, port] = target.split(' ');
      end(await new Promise((resolve) => {
        const socket = net.connect({ host, port: Number(port), timeout: 1500 });
        socket.on('data', (data) => resolve(String(data))).on('timeout', () => resolve('silent')).on('error', (e) => resolve(e.code));
      }));
    }
  }
  console.log(JSON.stringify(results));
  process.exit(0);`;

describe('what is kept on the laptop', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tp-e2e-local-name-'));
  const server = createServer((request, response) => response.end(`the laptop to ${request.headers.host}`));
  let lan: Awaited<ReturnType<typeof lanHost>>;
  let relay: Relay;
  let session: Tp;
  let laptop = '';
  before(async () => {
    lan = await lanHost();
    server.listen(0, '0.0.0.0');
    await once(server, 'listening');
    laptop = `${hostname()}:${(server.address() as AddressInfo).port}`;
    const through = await Relay.begin(directory);
    ({ relay } = through);
    const flags = [
      '--local-cidr',
      `${lan.address}/32`,
      '--local-name',
      hostname(),
      '--local-name',
      KNOWN_TO_CLUSTER,
    ];
    session = await Tp.session([
      ...SESSION,
      ...flags,
      '--kubeconfig',
      through.kubeconfig,
      'examplecom/servicename',
    ]);
    // Without inbound traffic nothing else says that the container runs.
    const running = () => docker('inspect', '-f', '{{.State.Running}}', NAME).catch(String);
    await eventually(running, (text) => text.trim() === 'true');
  });
  after(async () => {
    await session?.end();
    await relay?.[Symbol.asyncDispose]();
    server.close();
    await lan?.remove();
    rmSync(directory, { recursive: true });
  });

  const ask = () =>
    jsonFrom<Record<string, [string, number]>>(
      NAME,
      ASK,
      `http://${laptop}/`,
      `${lan.address} ${lan.port}`,
      `http://${KNOWN_TO_CLUSTER}/`,
      `http://${OF_CLUSTER}/`,
      `${lan.beyond} ${lan.port}`,
    );

  async function localAsEver(): Promise<Awaited<ReturnType<typeof ask>>> {
    const results = await ask();
    assert.equal(results[`http://${laptop}/`]?.[0], `the laptop to ${laptop}`);
    assert.equal(results[`${lan.address} ${lan.port}`]?.[0], 'hello from the LAN');
    const [code, ms = 0] = results[`http://${KNOWN_TO_CLUSTER}/`] ?? [];
    assert.equal(code, 'ENOTFOUND', 'the cluster would know it');
    assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
    return results;
  }

  test('is the laptop’s, and the rest the cluster’s', async () => {
    const results = await localAsEver();
    assert.match(results[`http://${OF_CLUSTER}/`]?.[0] ?? '', /thing1/);
  });

  test('is so without a link: neither goes the other’s way', async () => {
    relay.cut();
    try {
      const results = await localAsEver();
      assert.doesNotMatch(results[`http://${OF_CLUSTER}/`]?.[0] ?? '', /thing1|the laptop/);
      assert.equal(
        results[`${lan.beyond} ${lan.port}`]?.[0],
        'silent',
        'what the laptop would reach is not its',
      );
    } finally {
      relay.restore();
    }
    await session.says(/connected again after/);
    await localAsEver();
  });

  test('has a name that is one, or nothing is changed', async () => {
    const before = await snapshot();
    const { code, stderr } = await tp(
      'docker-run',
      ...SESSION.slice(0, 3),
      '--local-name',
      '*.corp',
      'examplecom/servicename',
    );
    assert.equal(code, 125, stderr);
    assert.match(
      stderr,
      /'--local-name <name>' argument '\*\.corp' is invalid\. It is the whole name of a host.*TP_NO_SUCH_FLAG/,
    );
    assert.deepEqual(await snapshot(), before);
  });
});
