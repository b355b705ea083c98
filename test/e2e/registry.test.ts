/** The proxy's image by way of the cluster's own registry, which wants a login: of Docker here, and of the node. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { apply, callService, kubectl, kubectlJson } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { eventually } from './harness/eventually.ts';
import { pullSecret, REGISTRY, registryLogin } from './harness/registry.ts';
import { Tp } from './harness/tp.ts';

const IMAGE = 'examplecom/servicename';
const NAMESPACE = 'tp-e2e-registry';
const SECRET = 'registry-login';
const EXAMPLE = `${import.meta.dirname}/../../examples/servicename/manifests/servicename.yaml`;

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: { replicas: number; template: { spec: { imagePullSecrets?: { name: string }[] } } };
}

/** The example, in a namespace of its own and with a pull secret. */
function manifests(): string {
  const objects = parseAllDocuments(readFileSync(EXAMPLE, 'utf8')).map((each) => each.toJS() as Manifest);
  for (const { kind, metadata, spec } of objects) {
    metadata.namespace = NAMESPACE;
    if (kind !== 'Deployment') continue;
    spec.replicas = 1;
    spec.template.spec.imagePullSecrets = [{ name: SECRET }];
  }
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  return [namespace, ...objects].map((each) => JSON.stringify(each)).join('\n---\n');
}

const run = promisify(execFile);
const nodeImages = async (...args: string[]): Promise<string[]> => {
  const all = ['-a', '/run/tpcluster/containerd.sock', '-n', 'k8s.io', 'images', ...args];
  return (await run('ctr', all)).stdout.split('\n');
};

/** Takes the pushed image from the node, under all its names, so that it is pulled the next time. */
async function forgetOnNode(): Promise<void> {
  const known = (await nodeImages('ls', '-q')).filter((name) => name.startsWith(`${REGISTRY}/tp-proxy`));
  if (known.length > 0) await nodeImages('rm', '--sync', ...known);
}

/** What the host's Docker knows by names of the registry. */
const namesHere = () =>
  docker(
    'image',
    'ls',
    '--digests',
    '--format',
    '{{.Repository}} {{.Tag}} {{.Digest}}',
    `${REGISTRY}/tp-proxy`,
  );

const REPLACED = ['--workload', 'deployment/servicename', IMAGE];
const OWN_POD = ['--no-workload', 'node:24-slim', 'true'];

describe('--push-proxy-image', () => {
  const anonymous = mkdtempSync(join(tmpdir(), 'tp-e2e-anonymous-'));
  let login: Awaited<ReturnType<typeof registryLogin>>;
  const start = (args: readonly string[], env: NodeJS.ProcessEnv = login.env) =>
    new Tp(['docker-run', '-n', NAMESPACE, '--push-proxy-image', ...args], { env });

  /** Runs it, and demands that it is refused with one line and nothing left. */
  async function refused(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
    const command = start(args, env);
    assert.equal(await command.exited, 125, command.stderr);
    assert.equal(await namesHere(), '');
    assert.equal(await kubectl('-n', NAMESPACE, 'get', 'pods', '-l', 'tp/session', '-o', 'name'), '');
    return command.stderr;
  }

  before(async () => {
    await apply(manifests());
    await apply(await pullSecret(SECRET, NAMESPACE));
    login = await registryLogin();
    await kubectl('-n', NAMESPACE, 'rollout', 'status', 'deployment/servicename', '--timeout=60s');
    assert.equal(await namesHere(), '');
  });
  after(async () => {
    await forgetOnNode();
    await kubectl('delete', 'namespace', NAMESPACE);
    rmSync(anonymous, { recursive: true });
    await login[Symbol.asyncDispose]();
  });

  test('without a login of Docker: TP_PUSH, and the login to paste', async () => {
    const said = await refused(REPLACED, { DOCKER_CONFIG: anonymous });
    assert.match(said, /^tp: pushing localhost:5001\/tp-proxy:[0-9a-f]{12}: .*\[TP_PUSH\]$/m);
    assert.match(said, /^ {2}docker login localhost:5001$/m);
  });

  test('on a cluster that announces no registry: TP_NO_REGISTRY', async () => {
    const announcement = ['-n', 'kube-public', 'configmap', 'local-registry-hosting'] as const;
    const [namespace, name, kind, object] = announcement;
    const { data } = await kubectlJson<{ data: Record<string, string> }>(
      namespace,
      name,
      'get',
      kind,
      object,
    );
    await kubectl(namespace, name, 'delete', kind, object);
    try {
      const said = await refused(REPLACED);
      assert.match(said, /^tp: --push-proxy-image: this cluster announces no registry \[TP_NO_REGISTRY\]$/m);
      assert.match(said, /^ {2}--proxy-image IMAGE/m);
    } finally {
      const metadata = { namespace: 'kube-public', name: object };
      await apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }));
    }
  });

  test('without a pull secret of the pod: TP_PROXY_PULL, and what it lacks', async () => {
    await forgetOnNode();
    const said = await refused(OWN_POD);
    assert.match(said, /^tp: .*localhost:5001\/tp-proxy:.*\[TP_PROXY_PULL\]$/m);
    assert.match(said, /^ {2}--proxy-image IMAGE/m);
    assert.match(said, /imagePullSecrets .* they have none$/m);
  });

  test("with the workload's pull secret the node pulls it, and the session serves", async () => {
    await forgetOnNode();
    await using session = start(REPLACED);
    await session.says(/Service servicename is switched/);
    await session.says(/ready: context/);
    const ofSession = ['-n', NAMESPACE, 'pods', '-l', `tp/session=${session.session}`];
    const { items } = await kubectlJson<{
      items: { metadata: { name: string }; spec: { containers: { image: string }[] } }[];
    }>('get', ...ofSession);
    const [pod] = items;
    assert.match(pod?.spec.containers[0]?.image ?? '', /^localhost:5001\/tp-proxy:[0-9a-f]{12}$/);
    const pulled = ['--field-selector', `involvedObject.name=${pod?.metadata.name},reason=Pulling`];
    await eventually(
      () => kubectl('-n', NAMESPACE, 'get', 'events', ...pulled, '-o', 'name'),
      (names) => names !== '',
    );
    await eventually(
      () => callService(`http://servicename.${NAMESPACE}/who`),
      (text) => text.includes(`"tp-servicename-${session.session}-`),
    );
    assert.equal(await namesHere(), '', 'the pushed name is gone while the session runs');
    assert.equal(await session.end(), 0, session.stderr);
    assert.equal(await namesHere(), '');
  });

  test('the next session pushes what is there already, and the node has it', async () => {
    await using session = start([...REPLACED, 'node', '-e', '0']);
    assert.equal(await session.exited, 0, session.stderr);
    assert.equal(await namesHere(), '');
  });

  test('--dry-run names it, and brings it nowhere', async () => {
    await forgetOnNode();
    const command = start(['--dry-run', '--output', 'yaml', ...REPLACED], { DOCKER_CONFIG: anonymous });
    assert.equal(await command.exited, 0, command.stderr);
    assert.match(command.stdout, /image: localhost:5001\/tp-proxy:[0-9a-f]{12}/);
    assert.equal(await namesHere(), '');
  });
});
