import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Source } from '../../src/completion/complete.ts';
import { list } from '../../src/completion/lister.ts';
import { loginQuietly } from '../../src/completion/login.ts';
import { ANSWER_LIMIT_MS } from '../../src/completion/within.ts';
import { CONTEXT, NAMESPACE, OWNER, ownOwner, SESSION, WORKLOAD } from '../../src/labels.ts';
import { ApiServer, json } from '../cluster-side/api-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-lister-'));
const previous = { ...process.env };
let api: ApiServer;
let address: string;

/** Writes the kubeconfig that is used: with this user, and contexts of two clusters. */
function useUser(user: object): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'staging',
    clusters: [
      { name: 'c', cluster: { server: address, 'insecure-skip-tls-verify': true } },
      { name: 'other', cluster: { server: 'https://127.0.0.1:1' } },
    ],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'staging', context: { cluster: 'c', user: 'u', namespace: 'shop' } },
      { name: 'plain', context: { cluster: 'c', user: 'u' } },
      { name: 'away', context: { cluster: 'other', user: 'u', namespace: 'far' } },
    ],
  };
  writeFileSync(join(directory, 'config'), JSON.stringify(config));
}

/** Has the API server answer with objects of these names, or with whole objects. */
function serve(path: string, items: (string | object)[]): void {
  const objects = items.map((item) => (typeof item === 'string' ? { metadata: { name: item } } : item));
  api.answers.set(`GET ${path}`, (_, response) => json(response, 200, { items: objects }));
}

const workload = (name: string, images: Record<string, string>, first: Record<string, string> = {}) => {
  const containers = (of: Record<string, string>) =>
    Object.entries(of).map(([container, image]) => ({ name: container, image }));
  const spec = { containers: containers(images), initContainers: containers(first) };
  return { metadata: { name }, spec: { selector: {}, template: { spec } } };
};

const wordsOf = async (source: Source, chosen: Record<string, string> = {}): Promise<string[]> =>
  (await list(source, chosen)).map(({ word }) => word);

before(async () => {
  api = await ApiServer.start();
  address = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  process.env.KUBECONFIG = join(directory, 'config');
});

beforeEach(() => {
  useUser({ token: 'secret' });
  api.requests.length = 0;
  api.answers.clear();
});

afterEach(() => {
  for (const request of api.requests) assert.match(request, /^GET /); // whoever presses Tab changes nothing
});

after(() => {
  api.close();
  process.env = previous;
  rmSync(directory, { recursive: true });
});

describe('what the cluster has', () => {
  beforeEach(() => {
    for (const namespace of ['shop', 'default', 'other']) {
      const suffix = namespace === 'shop' ? '' : `-${namespace}`;
      serve(`/apis/apps/v1/namespaces/${namespace}/deployments`, [
        workload(`web${suffix}`, { app: 'web:1', sidecar: 'queue:2' }, { migrate: 'web:1' }),
        workload(`db${suffix}`, { app: 'db:1' }),
      ]);
      serve(`/apis/apps/v1/namespaces/${namespace}/statefulsets`, [
        workload(`db${suffix}`, { store: 'db:3' }),
      ]);
    }
  });

  it('are workloads, with the images that they run', async () => {
    assert.deepEqual(await list('workloads', {}), [
      { word: 'deployment/web', about: 'web:1, queue:2' },
      { word: 'deployment/db', about: 'db:1' },
      { word: 'statefulset/db', about: 'db:3' },
    ]);
  });

  it('is looked up in the namespace and the context that the line names', async () => {
    assert.equal((await wordsOf('workloads', { namespace: 'other' }))[0], 'deployment/web-other');
    assert.equal((await wordsOf('workloads', { context: 'plain' }))[0], 'deployment/web-default');
    await assert.rejects(wordsOf('workloads', { context: 'unknown' }));
  });

  it('are containers, of all workloads', async () => {
    assert.deepEqual(await list('containers', {}), [
      { word: 'app', about: 'in 2 workloads' },
      { word: 'sidecar', about: 'queue:2 in deployment/web' },
      { word: 'store', about: 'db:3 in statefulset/db' },
    ]);
    assert.deepEqual(await wordsOf('sidecars'), ['app', 'sidecar', 'migrate', 'store']);
  });

  it('are containers of the workload that the line names, as people write it', async () => {
    for (const written of ['deployment/web', 'deploy/web', 'Deployments/web']) {
      assert.deepEqual(await wordsOf('containers', { workload: written }), ['app', 'sidecar'], written);
    }
    assert.deepEqual(await wordsOf('sidecars', { workload: 'deploy/web' }), ['app', 'sidecar', 'migrate']);
    assert.deepEqual(await wordsOf('containers', { workload: 'sts/db' }), ['store']);
    assert.deepEqual(await wordsOf('containers', { workload: 'deployment/gone' }), [
      'app',
      'sidecar',
      'store',
    ]);
  });

  it('are Services, but for those of sessions', async () => {
    const service = (name: string, spec: object) => ({ metadata: { name }, spec });
    serve('/api/v1/namespaces/shop/services', [
      service('web', { clusterIP: '10.0.0.1', ports: [{ port: 80 }, { port: 443 }] }),
      service('nodes', { clusterIP: 'None', ports: [{ port: 8080 }] }),
      service('named', { externalName: 'example.com' }),
    ]);
    assert.deepEqual(await list('services', {}), [
      { word: 'web', about: 'port 80, 443' },
      { word: 'nodes', about: 'headless, port 8080' },
      { word: 'named', about: 'port none' },
    ]);
    assert.match(api.requests.join(), /services\?labelSelector=%21tp%2Fsession/);
  });

  it('is nothing where the cluster refuses', async () => {
    api.answers.clear();
    for (const source of ['workloads', 'containers', 'sidecars', 'services'] as const) {
      assert.deepEqual(await wordsOf(source), [], source);
    }
    assert.ok(api.requests.length >= 4);
  });

  it('is not waited for', async () => {
    api.answers.set('GET /api/v1/namespaces/shop/services', () => {});
    const start = performance.now();
    assert.deepEqual(await wordsOf('services'), []);
    assert.ok(performance.now() - start < ANSWER_LIMIT_MS * 2);
    assert.equal(api.requests.length, 1);
  });
});

describe('contexts and namespaces', () => {
  it('are the kubeconfig’s contexts, without asking anybody', async () => {
    assert.deepEqual(await list('contexts', {}), [
      { word: 'staging', about: 'shop in c, the current one' },
      { word: 'plain', about: 'default in c' },
      { word: 'away', about: 'far in other' },
    ]);
    const noCurrent = readFileSync(join(directory, 'config'), 'utf8').replace('"staging"', '""');
    writeFileSync(join(directory, 'config'), noCurrent);
    assert.deepEqual(await wordsOf('contexts'), ['staging', 'plain', 'away']);
    assert.deepEqual(api.requests, []);
  });

  it('are the cluster’s namespaces', async () => {
    serve('/api/v1/namespaces', ['default', 'shop', 'web']);
    assert.deepEqual(await wordsOf('namespaces'), ['default', 'shop', 'web']);
  });

  it('are the contexts’ own namespaces where this user may not list them', async () => {
    assert.deepEqual(await wordsOf('namespaces'), ['shop', 'default']);
    assert.equal(api.requests.length, 1);
    assert.deepEqual(await wordsOf('namespaces', { context: 'away' }), ['far']);
  });
});

describe('a login plugin', () => {
  const plugin = join(directory, 'plugin');
  const aws = join(directory, 'aws');
  const started = join(directory, 'started');
  const credential = JSON.stringify({ kind: 'ExecCredential', status: { token: 'from-plugin' } });
  const exec = (command: string, rest: object = {}) => ({
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command, ...rest },
  });

  beforeEach(() => {
    const script = (last: string) => `#!/bin/sh\nprintf '%s' "$KUBERNETES_EXEC_INFO" >${started}\n${last}\n`;
    writeFileSync(plugin, script(`echo '${credential}'`), { mode: 0o755 });
    writeFileSync(aws, script(`[ "$PROFILE $1" = 'staging token' ] && echo '${credential}'`), {
      mode: 0o755,
    });
    rmSync(started, { force: true });
  });

  for (const interactiveMode of [undefined, 'IfAvailable', 'Always']) {
    it(`that may ask a person is not started: interactiveMode ${interactiveMode}`, async () => {
      assert.equal(await loginQuietly(exec(plugin, { interactiveMode })), undefined);
      assert.ok(!existsSync(started));
    });
  }

  it('that the kubeconfig calls silent is, and is told that nobody is there', async () => {
    const user = await loginQuietly(exec(plugin, { interactiveMode: 'Never' }));
    assert.deepEqual(user, { token: 'from-plugin' });
    const info = JSON.parse(readFileSync(started, 'utf8'));
    assert.deepEqual(info.spec, { interactive: false });
    assert.equal(info.apiVersion, 'client.authentication.k8s.io/v1');
  });

  it('that is known to ask nobody is, with its arguments and environment', async () => {
    const env = [{ name: 'PROFILE', value: 'staging' }];
    const user = await loginQuietly(exec(aws, { args: ['token'], env, interactiveMode: 'IfAvailable' }));
    assert.equal(user?.token, 'from-plugin');
  });

  it('that fails gives nothing, and one that answers nonsense is not believed', async () => {
    writeFileSync(plugin, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    assert.equal(await loginQuietly(exec(plugin, { interactiveMode: 'Never' })), undefined);
    writeFileSync(plugin, '#!/bin/sh\necho nonsense\n', { mode: 0o755 });
    await assert.rejects(loginQuietly(exec(plugin, { interactiveMode: 'Never' })), SyntaxError);
  });

  it('of the old kind is never used: it may make a stored login void', async () => {
    const user = { 'auth-provider': { name: 'oidc', config: { 'id-token': 'x.e30.y' } } };
    assert.equal(await loginQuietly(user), undefined);
  });

  it('is not needed by one who has a token', async () => {
    assert.deepEqual(await loginQuietly({ token: 'mine' }), { token: 'mine' });
  });
});

describe('sessions', () => {
  let docker: Server;
  const dead = { ...ownOwner(), user: 'ada', host: 'laptop', pid: 2 ** 30 };
  const far = { ...dead, machine: 'elsewhere' };

  before(async () => {
    docker = createServer((request, response) => {
      if (request.url?.includes('/containers/json')) {
        const labels = { [SESSION]: 'aaaa', [OWNER]: JSON.stringify(dead), [CONTEXT]: 'x', [NAMESPACE]: 'y' };
        json(response, 200, [{ Labels: labels }]);
      } else response.end('OK');
    });
    await new Promise<void>((resolve) => docker.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(directory, 'docker'), '#!/bin/sh\n', { mode: 0o755 });
    process.env.PATH = `${directory}:${previous.PATH}`;
  });
  beforeEach(() => {
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${(docker.address() as AddressInfo).port}`;
    const annotations = { [OWNER]: JSON.stringify(far), [WORKLOAD]: 'deployment/web' };
    serve('/api/v1/namespaces/shop/configmaps', [
      { metadata: { name: 'tp-web', labels: { [SESSION]: 'bbbb' }, annotations } },
    ]);
    serve('/api/v1/namespaces/shop/services', []);
    serve('/apis/apps/v1/namespaces/shop/deployments', []);
  });
  after(() => {
    docker.closeAllConnections();
    docker.close();
  });

  const inDocker = { word: 'aaaa', about: 'ada@laptop, its process has ended' };
  const inCluster = { word: 'bbbb', about: 'deployment/web, ada@laptop' };

  it('are those of Docker and of the namespace, and whose they are', async () => {
    assert.deepEqual(await list('sessions', {}), [inDocker, inCluster]);
  });

  it('are those of one where the other does not answer', async () => {
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1';
    assert.deepEqual(await list('sessions', {}), [inCluster]);
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${(docker.address() as AddressInfo).port}`;
    assert.deepEqual(await list('sessions', { context: 'away' }), [inDocker]);
    assert.deepEqual(await list('sessions', { context: 'unknown' }), [inDocker]);
  });
});
