/** A Docker network whose range the cluster has too: the cluster's addresses are the cluster's, and siblings are siblings. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { callService, kubectl } from './harness/cluster.ts';
import { docker, jsonFrom } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { snapshot } from './harness/snapshot.ts';
import { Tp } from './harness/tp.ts';

const run = promisify(execFile);
const NETWORK = 'tp-e2e-overlap';
const SIBLING = 'tp-e2e-overlap-sibling';
const NAME = 'tp-e2e-overlap-service';
const ALIAS = 'tp-e2e-overlap-alias';

/** Scenarios as data: the range of the Docker network. */
const RANGES = [
  { what: 'the pods’ range', subnet: '10.244.0.0/16', halves: ['10.244.0.0/17', '10.244.128.0/17'] },
  { what: 'the Services’ range', subnet: '10.96.0.0/16', halves: ['10.96.0.0/17', '10.96.128.0/17'] },
  { what: 'a part of the Services’ range, its gateway therein', subnet: '10.96.128.0/24', halves: [] },
] as const;

const answer = (text: string) =>
  `require('node:http').createServer((request, response) => response.end('${text}')).listen(8080);
   process.on('SIGTERM', () => process.exit(0));`;

for (const { what, subnet, halves } of RANGES) {
  describe(`a Docker network with ${what}`, () => {
    let clean: unknown;
    let session: Tp;
    // What a debugger is: something on the host that listens on all addresses.
    const host = createServer((_request, response) => response.end('the host'));
    before(async () => {
      clean = await snapshot();
      const id = await docker('network', 'create', '--subnet', subnet, NETWORK);
      // The embedded cluster bars the host's way to its ranges, and Docker's route is behind that. These go with the bridge.
      for (const half of halves) await run('ip', ['route', 'add', half, 'dev', `br-${id.slice(0, 12)}`]);
      const sibling = ['run', '-d', '--rm', '--name', SIBLING, '--network', NETWORK, 'node:24-slim'];
      await docker(...sibling, 'node', '-e', answer('the sibling'));
      await new Promise<void>((resolve) => host.listen(0, resolve));
      const flags = ['--name', NAME, '--network', NETWORK, '--network-alias', ALIAS];
      const image = ['--workload', 'deployment/servicename', 'examplecom/servicename'];
      session = await Tp.session(
        [...flags, ...image, 'node', '-e', answer('the laptop')],
        /Service servicename is switched/,
      );
    });
    after(async () => {
      host.close();
      await session?.end();
      await docker('rm', '-f', SIBLING);
      await docker('network', 'rm', NETWORK);
      assert.deepEqual(await snapshot(), clean, 'nothing is left behind');
    });

    test('hides nothing of the cluster', async () => {
      const gateway = (
        await docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', NETWORK)
      ).trim();
      const says = new RegExp(`${gateway} is an address of a Docker network and of the cluster`);
      // The API server's is the first of the Services' addresses.
      if (gateway === '10.96.0.1') assert.match(session.stderr, says);
      else assert.doesNotMatch(session.stderr, says);
      const pod = ['get', 'pods', '-l', 'app=thing1', '-o', 'jsonpath={.items[0].status.podIP}'];
      const script = `
        import { connect } from 'node:net';
        const name = async (host) => (await (await fetch('http://' + host + '/')).json()).name;
        const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
        const api = await new Promise((resolve) =>
          connect(port, host, () => resolve('accepted')).on('error', ({ code }) => resolve(code)));
        console.log(JSON.stringify({ service: await name('thing1'), pod: await name(process.argv[2] + ':8080'), api }));
        process.exit(0);`;
      const seen = await jsonFrom(NAME, script, await kubectl(...pod));
      assert.deepEqual(seen, { service: 'thing1', pod: 'thing1', api: 'accepted' });
    });

    test('leaves the way in from the cluster', async () => {
      await eventually(
        () => callService('http://servicename/'),
        (text) => text === 'the laptop',
      );
    });

    test('has its containers, who know each other by name, and the host', async () => {
      const { port } = host.address() as AddressInfo;
      const urls = [`http://${SIBLING}:8080/`, `http://host.docker.internal:${port}/`];
      const get = `console.log(JSON.stringify(await Promise.all(process.argv.slice(2).map(
        async (url) => await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text()))));`;
      assert.deepEqual(await jsonFrom(NAME, get, ...urls), ['the sibling', 'the host']);
      const back = [NAME, ALIAS].map((name) => `http://${name}:8080/`);
      assert.deepEqual(await jsonFrom(SIBLING, get, ...back), ['the laptop', 'the laptop']);
    });
  });
}
