/** From the laptop's container to the cluster: names, Services, the cloud database, the environment. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inCluster, kubectl } from './harness/cluster.ts';
import { inContainer, jsonFrom } from './harness/container.ts';
import { Tp } from './harness/tp.ts';

const NAME = 'tp-e2e-outbound';

/** Scenarios as data: a script that prints JSON, and what a pod prints. */
const LOOKUPS: { what: string; script: string; expected: unknown }[] = [
  {
    what: 'an SRV record',
    script: `import { resolveSrv } from 'node:dns/promises';
      console.log(JSON.stringify(await resolveSrv('_http._tcp.thing1.default.svc.cluster.local')));`,
    expected: [{ name: 'thing1.default.svc.cluster.local', port: 80, priority: 0, weight: 100, type: 'SRV' }],
  },
  {
    what: 'a TXT record',
    script: `import { resolveTxt } from 'node:dns/promises';
      console.log(JSON.stringify(await resolveTxt('dns-version.cluster.local')));`,
    expected: [['1.1.0']],
  },
  {
    what: 'a name that does not exist',
    script: `import { resolve4 } from 'node:dns/promises';
      const code = await resolve4('nosuch.default.svc.cluster.local').catch((error) => error.code);
      console.log(JSON.stringify(code));`,
    expected: 'ENOTFOUND',
  },
  {
    what: 'a type that the name has not',
    script: `import { resolve6 } from 'node:dns/promises';
      console.log(JSON.stringify(await resolve6('thing1.default.svc.cluster.local').catch((error) => error.code)));`,
    expected: 'ENODATA',
  },
];

const HTTP: { url: string; name: string }[] = [
  { url: 'http://thing1/', name: 'thing1' },
  { url: 'http://thing1.default/', name: 'thing1' },
  { url: 'http://thing1.default.svc.cluster.local/', name: 'thing1' },
  { url: 'http://thing2/', name: 'thing2' },
  { url: 'http://thing3.other/', name: 'thing3' },
];

/** The image's own variables, which a pod of the image has with the same values. */
const IMAGES_OWN = new Set(['PATH', 'HOME', 'NODE_VERSION', 'YARN_VERSION']);
/** The pod's own name and address differ from one pod to the next. */
const ONE_PODS_OWN = new Set(['HOSTNAME', 'POD_NAME', 'POD_IP', 'WHERE']);

describe('outbound', () => {
  let tp: Tp;
  before(async () => {
    tp = await Tp.session(['--name', NAME, '-e', 'STAGE=laptop', 'examplecom/servicename']);
  });
  after(() => tp.end());

  for (const { url, name } of HTTP) {
    test(`${url} answers`, async () => {
      const answer = await jsonFrom<{ name: string; caller: string }>(
        NAME,
        `console.log(await (await fetch('${url}')).text());`,
      );
      assert.equal(answer.name, name);
      const pod = await kubectl(
        'get',
        'pods',
        '-l',
        `tp/session=${tp.session}`,
        '-o',
        'jsonpath={.items[0].status.podIP}',
      );
      assert.equal(answer.caller, pod, "the called service sees the proxy's pod");
    });
  }

  for (const { what, script, expected } of LOOKUPS) {
    test(`looks up ${what}`, async () => assert.deepEqual(await jsonFrom(NAME, script), expected));
  }

  test('a UDP round trip to a Service', async () => {
    const script = `
      import { createSocket } from 'node:dgram';
      import { lookup } from 'node:dns/promises';
      const { address } = await lookup('udpecho');
      const socket = createSocket('udp4');
      socket.on('message', (message, from) => {
        console.log(JSON.stringify({ message: message.toString(), from: from.address === address, port: from.port }));
        socket.close();
      });
      socket.send('hello over UDP', 7777, address);
      setTimeout(() => process.exit(3), 5000).unref();`;
    assert.deepEqual(await jsonFrom(NAME, script), { message: 'hello over UDP', from: true, port: 7777 });
  });

  test('a large datagram comes back whole', async () => {
    const script = `
      import { createSocket } from 'node:dgram';
      const socket = createSocket('udp4');
      const sent = Buffer.alloc(8000, 'x');
      socket.on('message', (message) => { console.log(JSON.stringify(message.equals(sent))); socket.close(); });
      socket.send(sent, 7777, 'udpecho');
      setTimeout(() => process.exit(3), 5000).unref();`;
    assert.equal(await jsonFrom(NAME, script), true);
  });

  test('the row of the cloud database', async () => {
    const answer = await jsonFrom<{ orders: { item: string }[] }>(
      NAME,
      `console.log(await (await fetch('http://127.0.0.1:8080/')).text());`,
    );
    assert.deepEqual(
      answer.orders.map(({ item }) => item),
      ['a cup of tea', 'a slice of cake', 'the bill, please'],
    );
  });

  test("the environment equals a pod's, but for what is the image's and the user's own", async () => {
    const pods = await kubectl(
      'get',
      'pods',
      '-l',
      'app=servicename,!tp/session',
      '-o',
      'jsonpath={.items[0].metadata.name}',
    );
    const ofPod = JSON.parse(
      await kubectl('exec', pods, '--', 'node', '-p', 'JSON.stringify(process.env)'),
    ) as Record<string, string>;
    const ofLaptop = await jsonFrom<Record<string, string>>(
      NAME,
      'console.log(JSON.stringify(process.env));',
    );
    assert.equal(ofLaptop.STAGE, 'laptop', "the user's -e wins");
    const comparable = (env: Record<string, string>) =>
      Object.fromEntries(
        Object.entries({ ...env, STAGE: '' })
          .filter(([name]) => !IMAGES_OWN.has(name) && !ONE_PODS_OWN.has(name))
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    assert.deepEqual(comparable(ofLaptop), comparable(ofPod));
    for (const name of IMAGES_OWN) assert.equal(ofLaptop[name], ofPod[name], name);
    assert.match(ofLaptop.MOTD ?? '', /\n\n\tNo dogs, "please"\.\n$/);
  });

  test('the pod is itself: name, address, hostname', async () => {
    const script = `
      import { hostname, networkInterfaces } from 'node:os';
      import { lookup } from 'node:dns/promises';
      const addresses = Object.values(networkInterfaces()).flat().map(({ address }) => address);
      const { POD_NAME, POD_IP } = process.env;
      console.log(JSON.stringify({ hostname: hostname() === POD_NAME, own: addresses.includes(POD_IP),
        byName: (await lookup(hostname(), { all: true })).some(({ address }) => address === POD_IP) }));`;
    assert.deepEqual(await jsonFrom(NAME, script), { hostname: true, own: true, byName: true });
  });

  test('what the container answers on its own address is what the cluster gets at the pod', async () => {
    const own = await inContainer(
      NAME,
      `console.log((await fetch('http://' + process.env.POD_IP + ':8080/healthz')).status);`,
    );
    assert.equal(own.trim(), '200');
    const ip = await kubectl(
      'get',
      'pods',
      '-l',
      `tp/session=${tp.session}`,
      '-o',
      'jsonpath={.items[0].status.podIP}',
    );
    const fromCluster = await inCluster(`console.log((await fetch('http://${ip}:8080/')).status);`);
    assert.equal(fromCluster.trim(), '200');
  });
});
