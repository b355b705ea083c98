/** Two sessions at once: each reaches the other through the cluster, and neither disturbs the other's state. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { callService, kubectl } from './harness/cluster.ts';
import { docker, inContainer } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { Tp, tp } from './harness/tp.ts';

const ONE = 'tp-e2e-one';
const TWO = 'tp-e2e-two';

const server = (port: number, text: string) => `
  require('node:http').createServer((q, r) => r.end('${text}')).listen(${port});
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));`;

describe('two sessions at once', () => {
  let one: Tp;
  let two: Tp;
  before(async () => {
    [one, two] = await Promise.all([
      Tp.session(
        [
          '--workload',
          'deployment/servicename',
          '--name',
          ONE,
          'node:24-slim',
          'node',
          '-e',
          server(8080, 'one'),
        ],
        /Service servicename is switched/,
      ),
      Tp.session(
        ['--workload', 'deployment/thing1', '--name', TWO, 'node:24-slim', 'node', '-e', server(8080, 'two')],
        /Service thing1 is switched/,
      ),
    ]);
  });
  after(async () => {
    await Promise.all([one.end(), two.end()]);
  });

  test('each reaches the other through the cluster', async () => {
    const ask = (name: string, url: string) =>
      inContainer(name, `console.log(await (await fetch('${url}')).text())`);
    await eventually(
      () => ask(ONE, 'http://thing1/'),
      (text) => text === 'two\n',
    );
    await eventually(
      () => ask(TWO, 'http://servicename/'),
      (text) => text === 'one\n',
    );
  });

  test('a third on a workload that is held is told by whom, and changes nothing', async () => {
    const before = await kubectl('get', 'service', 'servicename', '-o', 'yaml');
    const { code, stderr } = await tp('docker-run', 'examplecom/servicename');
    assert.equal(code, 125);
    assert.match(stderr, new RegExp(`Service servicename is held by the session ${one.session}.*TP_HELD`));
    assert.equal(await kubectl('get', 'service', 'servicename', '-o', 'yaml'), before);
  });

  test('one beside it without inbound traffic works', async () => {
    const args = [
      '--no-inbound',
      'examplecom/servicename',
      'node',
      '-e',
      `fetch('http://thing1/').then((r) => r.text()).then(console.log)`,
    ];
    const { code, stdout, stderr } = await tp('docker-run', ...args);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'two\n');
  });

  test('the end of one leaves the other as it is', async () => {
    await two.end();
    await eventually(
      () => callService('http://thing1/'),
      (text) => /"name":"thing1"/.test(text),
    );
    assert.equal(await callService('http://servicename/'), 'one');
    assert.match(await docker('ps', '--format', '{{.Names}}'), new RegExp(ONE));
    assert.equal(
      (await inContainer(ONE, `console.log((await (await fetch('http://thing1/')).json()).name)`)).trim(),
      'thing1',
    );
  });
});
