import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type Dockerode from 'dockerode';
import { extract } from 'tar-stream';
import {
  type BundleRequest,
  bundleFiles,
  bundleName,
  refuseExisting,
  writeBundle,
} from '../../src/doctor/bundle.ts';
import { TpError } from '../../src/errors.ts';
import { ApiServer, json } from '../cluster-side/api-server.ts';
import { Folder } from '../cluster-side/folder.ts';

const SESSION = '0123456789';
const NAME = `tp-shop-${SESSION}`;

/** A value for each place from which one could come. */
const SECRETS = {
  podSecret: 'secret-of-the-pod-1a',
  flag: 'secret-of-a-flag-2b',
  spec: 'secret "in" the\\spec-3c',
  configMap: 'secret-of-a-configmap-4d',
  hash: 'f00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeedf00dfeed',
  annotation: 'secret-of-an-annotation-5e',
  argument: 'secret-of-an-argument-6f',
  lastWords: 'secret-of-last-words-7a',
  probe: 'secret-of-a-probe-8b',
  token: 'secret-token-9c',
  password: 'secret-password-0d',
  key: 'secret-key-data-1e',
  authority: 'secret-authority-data-2f',
  tokenFile: 'secret-of-a-token-file-3a',
  execEnv: 'secret-of-a-plugin-4b',
  settings: 'secret-of-tp-yaml-5c',
  label: 'secret-of-a-label-6d',
} as const;

const metadata = {
  name: NAME,
  labels: { 'tp/session': SESSION },
  annotations: {
    'tp/workload': 'deployment/shop',
    'kubectl.kubernetes.io/last-applied-configuration': SECRETS.annotation,
  },
};
const spec = {
  nodeName: 'node-1',
  containers: [
    {
      name: 'app',
      image: 'node:24-slim',
      command: ['node', '/tp-proxy/proxy.mjs'],
      env: [
        { name: 'TPENV_PLAIN', value: SECRETS.spec },
        { name: 'TPENV_KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
        { name: 'TPENV_POD', value: NAME },
      ],
    },
    {
      name: 'sidecar',
      args: [`--key=${SECRETS.argument}`],
      readinessProbe: { exec: { command: ['echo', SECRETS.probe] } },
    },
  ],
};
const terminated = { terminated: { exitCode: 1, reason: 'Error', message: SECRETS.lastWords } };
const status = {
  phase: 'Running',
  containerStatuses: [
    { name: 'app', restartCount: 0, state: { running: {} } },
    { name: 'sidecar', restartCount: 3, state: terminated, lastState: terminated },
  ],
};
const config = JSON.stringify({ session: SESSION, tokenSha256: SECRETS.hash });
const event = (reason: string, message: string) => ({
  involvedObject: { kind: 'Pod', name: NAME },
  reason,
  message,
});

const LISTS: Record<string, object[]> = {
  '/apis/apps/v1/namespaces/shop/deployments': [{ metadata, spec: { template: { metadata, spec } } }],
  '/api/v1/namespaces/shop/pods': [{ metadata: { ...metadata, uid: 'u' }, spec, status }],
  '/api/v1/namespaces/shop/services': [
    { metadata, spec: { clusterIP: 'None' } },
    { metadata: { name: 'shop' }, spec: { selector: { app: 'shop', 'tp/session': SESSION } } },
    { metadata: { name: 'other' }, spec: { selector: { app: 'other' } } },
  ],
  '/api/v1/namespaces/shop/configmaps': [
    { metadata, data: { 'config.json': config, more: SECRETS.configMap } },
  ],
  '/api/v1/namespaces/shop/events': [
    event('Pulled', `the pod has ${SECRETS.podSecret}`),
    event('Unhealthy', SECRETS.probe),
    { involvedObject: { kind: 'Pod', name: 'other' }, reason: 'Others', message: 'not ours' },
  ],
};

/** A Docker with the session's network container and the user's. */
function dockerWith(log: string): Dockerode {
  const Labels = { 'tp/session': SESSION, 'tp/owner': '{}', team: SECRETS.label };
  const header = Buffer.alloc(8);
  header.writeUInt8(1, 0);
  header.writeUInt32BE(Buffer.byteLength(log), 4);
  const inspected = (Id: string, Env: string[]) => ({
    Id,
    Name: `/${Id}`,
    State: { Running: true, Health: { Log: [{ Output: SECRETS.lastWords }] } },
    Mounts: [],
    Config: { Env, Labels, Hostname: NAME },
    HostConfig: { NetworkMode: 'default', LogConfig: { Type: 'json-file', Config: {} } },
    NetworkSettings: { Networks: {}, Ports: {} },
  });
  const containers = new Map([
    ['network', inspected('network', ['PATH=/bin'])],
    ['user', inspected('user', [`KEY=${SECRETS.podSecret}`, `FLAG=${SECRETS.flag}`, `POD_NAME=${NAME}`])],
  ]);
  return {
    listVolumes: async () => ({ Volumes: null }),
    listContainers: async () => [
      { Id: 'user', Names: ['/shop'], Labels },
      { Id: 'network', Names: [`/tp-${SESSION}`], Labels },
    ],
    getContainer: (id: string) => ({
      inspect: async () => containers.get(id),
      logs: async () => Buffer.concat([header, Buffer.from(log)]),
    }),
  } as unknown as Dockerode;
}

describe('the archive of tp doctor', () => {
  let api: ApiServer;
  let folder: Folder;
  let request: BundleRequest;
  const stamp = '2026-01-01T00:00:00.000000000Z';

  beforeEach(async () => {
    api = await ApiServer.start();
    folder = new Folder();
    for (const [path, items] of Object.entries(LISTS))
      api.answers.set(`GET ${path}`, (_request, response) => json(response, 200, { items }));
    api.answers.set(`GET /api/v1/namespaces/shop/pods/${NAME}/log`, (_request, response) =>
      response.end(`${stamp} proxy of ${NAME}: ${SECRETS.podSecret}, bearer ${SECRETS.token}\n`),
    );
    const tokenFile = folder.write('token', `${SECRETS.tokenFile}\n`);
    const users = [
      { token: SECRETS.token, password: SECRETS.password, 'client-key-data': SECRETS.key },
      { tokenFile, exec: { command: 'aws', env: [{ name: 'KEY', value: SECRETS.execEnv }] } },
    ].map((user, index) => ({ name: `${index}`, user }));
    const clusters = [{ name: 'c', cluster: { 'certificate-authority-data': SECRETS.authority } }];
    const kubeconfig = folder.write('config', JSON.stringify({ users, clusters }));
    request = {
      findings: [
        {
          check: 'login',
          level: 'failure',
          message: `no ${SECRETS.token} and ${SECRETS.password}`,
          fix: 'log in',
        },
      ],
      versions: { tp: '1', node: 'v24', platform: 'linux/x64', kubernetes: 'v1.34', docker: undefined },
      cluster: api.cluster,
      docker: dockerWith(
        `${stamp} agent: ${SECRETS.flag}, ${SECRETS.tokenFile}, ${SECRETS.execEnv}, ${SECRETS.key}, ${SECRETS.authority}\n`,
      ),
      settings: { workload: 'deployment/shop', 'docker-flags': ['-e', `KEY=${SECRETS.settings}`] },
      kubeconfig,
    };
  });
  afterEach(() => {
    api.close();
    folder[Symbol.dispose]();
  });

  it('is a .tar.gz of its owner alone, with what helps and none of the secrets', async () => {
    const path = join(folder.path, 'bundle.tar.gz');
    await writeBundle(path, request);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const files = new Map<string, string>();
    const archive = extract();
    Readable.from([gunzipSync(readFileSync(path))]).pipe(archive);
    for await (const entry of archive) files.set(entry.header.name, await text(entry));
    const all = [...files].flat().join('\n');
    for (const [place, secret] of Object.entries(SECRETS)) {
      for (const form of [
        secret,
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString('base64'),
      ])
        assert.ok(!all.includes(form), place);
    }
    assert.deepEqual([...files.keys()].sort(), [
      'cluster/configMaps.json',
      'cluster/deployments.json',
      'cluster/events.json',
      'cluster/pods.json',
      'cluster/services.json',
      'doctor.json',
      'missing.json',
      `sessions/${SESSION}/agent.log`,
      `sessions/${SESSION}/container.json`,
      `sessions/${SESSION}/proxy.log`,
      'tp.yaml',
      'versions.json',
    ]);
    assert.deepEqual(JSON.parse(files.get('missing.json') ?? ''), {});
    const services = JSON.parse(files.get('cluster/services.json') ?? '') as { metadata: { name: string } }[];
    assert.deepEqual(
      services.map((each) => each.metadata.name),
      [NAME, 'shop'],
    );
    assert.deepEqual(JSON.parse(files.get('cluster/configMaps.json') ?? ''), [NAME]);
    const events = JSON.parse(files.get('cluster/events.json') ?? '') as {
      reason: string;
      message?: string;
    }[];
    assert.deepEqual(
      events.map(({ reason, message }) => [reason, message]),
      [
        ['Pulled', 'the pod has [removed]'],
        ['Unhealthy', undefined],
      ],
    );
    assert.match(files.get('cluster/pods.json') ?? '', /"TPENV_KEY"/);
    assert.match(
      files.get(`sessions/${SESSION}/proxy.log`) ?? '',
      new RegExp(`Z proxy of ${NAME}: \\[removed\\]`),
    );
    assert.match(files.get('tp.yaml') ?? '', /workload: deployment\/shop/);
  });

  it('says what could not be read, and has the rest', async () => {
    api.answers.set('GET /api/v1/namespaces/shop/events', (_request, response) =>
      json(response, 403, { message: 'no' }),
    );
    api.answers.set(`GET /api/v1/namespaces/shop/pods/${NAME}/log`, (_request, response) =>
      json(response, 403, { message: 'no pods/log' }),
    );
    const files = new Map((await bundleFiles(request)).map((file) => [file.name, file.text]));
    assert.match(files.get('missing.json') ?? '', /"0123456789\/proxy\.log": .*no pods\/log.*TP_FORBIDDEN/);
    assert.match(files.get('cluster/events.json') ?? '', /may not list/);
    assert.ok(files.has('cluster/pods.json'));
    const alone = await bundleFiles({ ...request, cluster: undefined, docker: undefined });
    assert.deepEqual(
      alone.map(({ name }) => name),
      ['doctor.json', 'versions.json', 'tp.yaml', 'missing.json'],
    );
  });

  it('never takes the place of a file', async () => {
    const path = folder.write('there.tar.gz', 'mine');
    const refused = (error: unknown) => error instanceof TpError && error.code === 'TP_BUNDLE';
    assert.throws(() => refuseExisting(path), refused);
    await assert.rejects(writeBundle(path, request), refused);
    assert.equal(readFileSync(path, 'utf8'), 'mine');
    await assert.rejects(writeBundle('/nowhere/at/all.tar.gz', request), refused);
  });

  it('is called by the time, where nobody names it', () => {
    assert.equal(bundleName(new Date('2026-11-23T19:44:05.123Z')), 'tp-bundle-20261123-194405.tar.gz');
  });
});
