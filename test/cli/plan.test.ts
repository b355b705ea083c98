import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { ProxyConfig } from '../../images/proxy/config.ts';
import { PROXY_ASSET } from '../../src/assets.ts';
import type { ServiceView } from '../../src/cluster/services.ts';
import { TpError } from '../../src/errors.ts';
import type { DockerRunFlags } from '../../src/flags.ts';
import { hashOf, type PlanInput, planSession, type SessionPlan } from '../../src/plan.ts';
import { describePlan, planAsYaml } from '../../src/plan-output.ts';
import { sidecar, type TargetOptions, target } from '../cluster-side/target.ts';
import { DEFAULTS } from './defaults.ts';

const SHOP: ServiceView = { name: 'shop', ports: [{ port: 80, pod: 8080, name: 'http' }], selects: ['app'] };
const METRICS: ServiceView = { name: 'metrics', ports: [{ port: 9090, pod: 9090 }], selects: ['app'] };
const HEADLESS: ServiceView = {
  ...SHOP,
  name: 'headless',
  notByDefault: 'it is headless: its names would change',
};

interface Given {
  flags?: Partial<DockerRunFlags>;
  target?: TargetOptions | undefined;
  services?: ServiceView[];
  holders?: PlanInput['holders'];
}

function plan(given: Given = {}): SessionPlan {
  const input: PlanInput = {
    session: 'a1b2c3d4e5',
    tokenSha256: hashOf(Buffer.alloc(32)),
    namespace: 'shop',
    image: 'examplecom/servicename',
    flags: { ...DEFAULTS, ...given.flags },
    target: 'target' in given && given.target === undefined ? undefined : target(given.target),
    limited: [],
    services: given.services ?? [SHOP],
    holders: given.holders ?? new Map(),
    owner: { user: 'me', host: 'laptop', machine: 'f00', pid: 7, started: 'x' },
  };
  return planSession(input);
}

function refused(given: Given): TpError {
  try {
    plan(given);
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    return error;
  }
  throw new Error('it was planned');
}

const configOf = ({ objects }: SessionPlan) =>
  JSON.parse(objects.configMap.data?.['config.json'] ?? '') as ProxyConfig;
const labelsOf = ({ objects }: SessionPlan) => objects.deployment.spec?.template.metadata?.labels;

before(() => {
  // The proxy's bundle is part of the plan; a checkout that was not built yet has none.
  if (!existsSync(PROXY_ASSET)) execFileSync(process.execPath, ['build.ts'], { stdio: 'inherit' });
});

describe('the plan of a session', () => {
  it('has the Services, the ports, and the objects under one name', () => {
    const { services, ports, workload, container, fallback, objects } = plan();
    assert.deepEqual(services, [SHOP]);
    assert.deepEqual(ports, [{ pod: 8080, process: 8080 }]);
    assert.deepEqual([workload, container, fallback], ['deployment/servicename', 'app', true]);
    const { deployment, configMap, shadow } = objects;
    for (const object of [deployment, configMap, shadow]) {
      assert.equal(object?.metadata?.name, 'tp-servicename-a1b2c3d4e5');
      assert.equal(object?.metadata?.labels?.['tp/session'], 'a1b2c3d4e5');
      assert.match(object?.metadata?.annotations?.['tp/owner'] ?? '', /"user":"me"/);
      assert.equal(object?.metadata?.annotations?.['tp/workload'], 'deployment/servicename');
    }
  });

  it('tells the proxy what it needs, and no secret', () => {
    const { objects, tunnelPort } = plan({ target: { container: { env: [{ name: 'A', value: '$(B)' }] } } });
    const config = configOf({ objects } as SessionPlan);
    assert.equal(config.session, 'a1b2c3d4e5');
    assert.match(config.tokenSha256, /^[0-9a-f]{64}$/);
    assert.equal(config.tunnelPort, tunnelPort);
    assert.deepEqual(config.ports, [8080]);
    assert.equal(config.waitReadyMs, 15_000);
    assert.equal(config.resumeLimitMs, 60_000);
    assert.equal(plan({ flags: { resumeLimit: 300 } }).resumeLimitMs, 300_000);
    assert.equal(configOf(plan({ flags: { resumeLimit: 300 } })).resumeLimitMs, 300_000);
    assert.equal(configOf(plan({ flags: { waitReady: 2.5 } })).waitReadyMs, 2_500);
    assert.deepEqual(config.fallback, { service: 'tp-servicename-a1b2c3d4e5', namespace: 'shop' });
    assert.deepEqual(config.environment, [{ name: 'A', expand: true }]);
    assert.ok((objects.configMap.data?.['proxy.mjs'] ?? '').length > 10_000);
    assert.ok(JSON.stringify(objects.configMap).length < 1024 * 1024, 'a ConfigMap holds 1 MiB');
  });

  it('finds the original pods by what finds them, and not by the session', () => {
    const { shadow } = plan().objects;
    assert.deepEqual(shadow?.spec, { clusterIP: 'None', selector: { app: 'servicename' } });
  });

  it('finds them by their labels where the workload selects by expressions', () => {
    const of = target();
    of.workload.selector = { matchExpressions: [{ key: 'app', operator: 'In', values: ['servicename'] }] };
    const { objects } = planSession({ ...input(), target: of });
    assert.deepEqual(objects.shadow?.spec?.selector, { app: 'servicename' });
  });

  it('has names that Kubernetes takes, however the workload is called', () => {
    for (const name of ['my.shop.v1', `${'x'.repeat(39)}.y`, 'a'.repeat(253), 'a-.b']) {
      const { metadata } = plan({ target: { name } }).objects.deployment;
      assert.match(metadata?.name ?? '', /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, name);
    }
  });

  it('takes the image that is named for the proxy', () => {
    const { objects } = plan({ flags: { proxyImage: 'mine/node:24' } });
    assert.equal(objects.deployment.spec?.template.spec?.containers[0]?.image, 'mine/node:24');
  });
});

const input = (): PlanInput => ({
  session: 'abc',
  tokenSha256: '',
  namespace: 'shop',
  image: 'x',
  flags: DEFAULTS,
  target: target(),
  limited: [],
  services: [SHOP],
  holders: new Map(),
  owner: { user: 'me', host: 'laptop', machine: 'f00', pid: 7, started: 'x' },
});

describe('the Services of a session', () => {
  const taken = (given: Given) => plan(given).services.map(({ name }) => name);

  it('are those that nothing speaks against', () => {
    assert.deepEqual(taken({ services: [SHOP, HEADLESS, METRICS] }), ['shop', 'metrics']);
  });

  it('are the named ones too, beside those', () => {
    assert.deepEqual(taken({ services: [SHOP, HEADLESS], flags: { service: ['headless'] } }), [
      'shop',
      'headless',
    ]);
  });

  it('must be there, and have a port that leads to the container', () => {
    const unknown = refused({ services: [SHOP, HEADLESS], flags: { service: ['other'] } });
    assert.equal(unknown.code, 'TP_NO_SERVICE');
    assert.match(unknown.message, /--service other: no such Service selects this workload/);
    assert.equal(unknown.hint, '--service shop\n--service headless');
    const none: ServiceView = {
      ...SHOP,
      ports: [],
      notByDefault: 'none of its TCP ports leads to this container',
    };
    assert.match(
      refused({ services: [none], flags: { service: ['shop'] } }).message,
      /none of its TCP ports/,
    );
    assert.equal(refused({ services: [], flags: { service: ['shop'] } }).hint, 'kubectl get services');
  });

  it('must not be held by another session', () => {
    const held = { ...SHOP, heldBy: 'other1' };
    const error = refused({ services: [held] });
    assert.equal(error.code, 'TP_HELD');
    assert.match(error.message, /shop is held by the session other1/);
    assert.match(error.hint ?? '', /^--evict .*\n--no-inbound .*\ntp leave other1$/);
    assert.deepEqual(taken({ services: [held], flags: { inbound: false } }), []);
    assert.deepEqual(
      taken({ services: [SHOP, { ...HEADLESS, heldBy: 'x' }] }),
      ['shop'],
      'one that is not wanted',
    );
  });

  it('that another holds say who does, and since when', () => {
    const held = { ...SHOP, heldBy: 'other1' };
    const since = new Date(2026, 10, 23, 9, 5).toISOString();
    const holders = new Map([['other1', { whose: 'ann@desk', since }]]);
    assert.match(
      refused({ services: [held], holders }).message,
      /shop is held by the session other1 of ann@desk, since 2026-11-23 09:05$/,
    );
  });

  it('are taken from another session where that is asked for, which is said first', () => {
    const held = { ...SHOP, heldBy: 'other1' };
    const holders = new Map([['other1', { whose: 'ann@desk', since: undefined }]]);
    const evicting = plan({ services: [held, METRICS], holders, flags: { evict: true } });
    assert.equal(evicting.evict, true);
    assert.match(evicting.notes[0] ?? '', /shop is taken from the session other1 of ann@desk/);
    const patches = planAsYaml(evicting).split('---\n').slice(-2);
    assert.match(patches[0] ?? '', /op: test\n +path: \/spec\/selector\/tp~1session\n +value: other1/);
    assert.match(patches[1] ?? '', /merge:/, 'nobody holds that one');
  });

  it('keep the labels by which they find the pod', () => {
    const error = refused({ flags: { dropLabel: ['app'] } });
    assert.equal(error.code, 'TP_DROP_LABEL');
    assert.match(error.message, /--drop-label app: Service shop finds its pods by it/);
    const labels = { app: 'servicename', spread: 'yes' };
    assert.deepEqual(labelsOf(plan({ target: { labels }, flags: { dropLabel: ['spread'] } })), {
      app: 'servicename',
      'tp/session': 'a1b2c3d4e5',
    });
  });
});

describe('the ports of a session', () => {
  const ports = (given: Given) =>
    plan(given).ports.map(({ pod, process, protocol }) => `${process}:${pod}${protocol ? '/udp' : ''}`);
  const container = {
    ports: [
      { name: 'http', containerPort: 8080 },
      { name: 'admin', containerPort: 8081, protocol: 'TCP' },
      { name: 'dns', containerPort: 5353, protocol: 'UDP' },
    ],
  };

  it('are those that the container declares, and those of its Services, each once', () => {
    assert.deepEqual(ports({ target: { container }, services: [SHOP, METRICS] }), [
      '8080:8080',
      '8081:8081',
      '5353:5353/udp',
      '9090:9090',
    ]);
  });

  it('are answered by the process where --port says', () => {
    assert.deepEqual(ports({ flags: { port: ['3000:8080', '3000:9999'] } }), ['3000:8080', '3000:9999']);
    assert.deepEqual(
      ports({ target: { container }, flags: { port: ['53:8080/udp', '53:5353/udp', '3000:8080/tcp'] } }),
      ['3000:8080', '8081:8081', '53:5353/udp', '53:8080/udp'],
    );
  });

  for (const text of [
    '8080',
    '8080:',
    ':8080',
    'a:b',
    '0:80',
    '80:0',
    '65536:80',
    '80:65536',
    '1:2:3',
    '-1:80',
    '1.5:80',
    ' 1:2',
    '123456:1',
  ]) {
    it(`are not "${text}"`, () => {
      const error = refused({ flags: { port: [text] } });
      assert.equal(error.code, 'TP_BAD_PORT');
      assert.equal(error.hint, '--port 3000:8080');
    });
  }

  it('of the proxy itself are two that the pod does not use', () => {
    const own = (given: Given) => {
      const { tunnelPort, healthPort } = configOf(plan(given));
      return [tunnelPort, healthPort];
    };
    assert.deepEqual(own({}), [27_470, 27_471]);
    const mesh = sidecar('mesh', { ports: [{ containerPort: 27_470 }] });
    const native = sidecar('native', { restartPolicy: 'Always', ports: [{ containerPort: 27_472 }] });
    const of = { sidecars: [mesh], spec: { initContainers: [native] } };
    assert.deepEqual(own({ target: of, flags: { port: ['1:27471'] } }), [27_473, 27_474]);
    const probe = plan({ target: of }).objects.deployment.spec?.template.spec?.containers[0]?.readinessProbe;
    assert.equal(probe?.httpGet?.port, configOf(plan({ target: of })).healthPort);
  });
});

describe('the ports of the loopback', () => {
  const of = { sidecars: [sidecar('mesh', { ports: [{ containerPort: 9901 }] })] };
  const given = { target: of, flags: { toPod: ['27470/udp'], fromPod: ['27471', '90'] } };

  it('are for the agent and the proxy, and the proxy’s own are others', () => {
    const { toPod, fromPod, objects } = plan(given);
    assert.deepEqual(toPod, [
      { port: 9901, protocol: 'tcp' },
      { port: 27_470, protocol: 'udp' },
    ]);
    assert.deepEqual(fromPod, [
      { port: 27_471, protocol: 'tcp' },
      { port: 90, protocol: 'tcp' },
    ]);
    const { ports, fromPod: ofProxy, tunnelPort } = configOf({ objects } as SessionPlan);
    assert.deepEqual([ports, ofProxy, tunnelPort], [[8080], fromPod, 27_472]);
  });

  it('may be low ones, too', () => {
    const { sysctls } = plan(given).objects.deployment.spec?.template.spec?.securityContext ?? {};
    assert.equal(sysctls?.[0]?.name, 'net.ipv4.ip_unprivileged_port_start');
  });

  it('are said to a person', () => {
    const lines = describePlan(plan(given), { context: 'staging', namespace: 'shop' });
    assert.deepEqual(
      lines.filter((line) => line.startsWith('127')),
      [
        "127.0.0.1:9901 leads to the pod's sidecars",
        "127.0.0.1:27470/udp leads to the pod's sidecars",
        '127.0.0.1:27471 of the pod leads to the process, for its sidecars',
        '127.0.0.1:90 of the pod leads to the process, for its sidecars',
      ],
    );
  });

  it('are checked before anything else is done', () => {
    assert.equal(refused({ flags: { toPod: ['x'] } }).code, 'TP_BAD_PORT');
  });
});

describe('a session without inbound traffic', () => {
  it('takes nothing, listens on nothing, and cannot be found by any Service', () => {
    const labels = { app: 'servicename', tier: 'web' };
    const services = [SHOP, { ...METRICS, selects: ['tier'] }, HEADLESS];
    const quiet = plan({ target: { labels }, services, flags: { inbound: false } });
    assert.deepEqual([quiet.services, quiet.ports, quiet.fallback], [[], [], false]);
    assert.deepEqual(labelsOf(quiet), { 'tp/session': 'a1b2c3d4e5' });
    assert.equal(quiet.objects.shadow, undefined);
    assert.deepEqual(configOf(quiet).ports, []);
    assert.equal(configOf(quiet).fallback, undefined);
  });
});

describe('a session that replaces', () => {
  it('scales what runs, and says so', () => {
    const replacing = plan({ flags: { replace: true } });
    const { kind, workload, replicas, name } = replacing.replaced ?? {};
    assert.deepEqual([kind, workload, replicas], ['deployment', 'servicename', 2]);
    assert.equal(name, 'tp-servicename-a1b2c3d4e5-guardian');
    const place = { context: 'c', namespace: 'shop' };
    assert.ok(
      describePlan(replacing, place).includes(
        'deployment/servicename is scaled from 2 to 0 until the session ends',
      ),
    );
    const documents = parseAllDocuments(planAsYaml(replacing)).map(
      (each) => each.toJS() as Record<string, unknown>,
    );
    const kinds = documents.flatMap(({ kind: each, patch }) => each ?? patch);
    for (const each of ['Lease', 'ServiceAccount', 'Role', 'RoleBinding', 'deployment/servicename/scale']) {
      assert.ok(kinds.includes(each), `${each} is not in ${kinds}`);
    }
    const role = documents.find((each) => each.kind === 'Role');
    assert.deepEqual(role?.rules, [
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        resourceNames: [name],
        verbs: ['get', 'patch'],
      },
      {
        apiGroups: ['apps'],
        resources: ['deployments/scale'],
        resourceNames: [workload],
        verbs: ['get', 'patch'],
      },
    ]);
  });

  it('scales nothing otherwise', () => assert.equal(plan().replaced, undefined));

  it('is refused without a workload', () => {
    const error = refused({ target: undefined, services: [], flags: { workload: false, replace: true } });
    assert.equal(error.code, 'TP_REPLACE_NONE');
  });
});

describe('a session without a fallback', () => {
  it('has no way to the original pods', () => {
    const { fallback, objects } = plan({ flags: { fallback: false } });
    assert.equal(fallback, false);
    assert.equal(objects.shadow, undefined);
  });
});

describe('a session without a workload', () => {
  it('has a pod of its own, which takes nothing', () => {
    const alone = plan({ target: undefined, services: [], flags: { workload: false } });
    assert.equal(alone.workload, undefined);
    assert.deepEqual([alone.services, alone.ports, alone.notes], [[], [], []]);
    assert.equal(alone.objects.deployment.metadata?.name, 'tp-alone-a1b2c3d4e5');
    assert.deepEqual(labelsOf(alone), { 'tp/session': 'a1b2c3d4e5' });
    assert.equal(alone.objects.deployment.spec?.template.spec?.serviceAccountName, undefined);
    assert.equal(alone.objects.configMap.metadata?.annotations?.['tp/workload'], undefined);
  });
});

const EMPTIED = "volume data is left out, and empty in the proxy's pod: it belongs to one pod or one node";

describe('what the plan says of the clone', () => {
  const of: TargetOptions = {
    sidecars: [sidecar('mesh')],
    spec: {
      initContainers: [sidecar('migrate'), sidecar('native', { restartPolicy: 'Always' })],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    },
  };

  it('is a line for each thing that runs again, runs beside it, or is empty', () => {
    assert.deepEqual(plan({ target: of }).notes, [
      "init container migrate runs again in the proxy's pod; --skip-init leaves it out",
      "sidecar native runs in the proxy's pod; --without-container native leaves it out",
      "sidecar mesh runs in the proxy's pod; --without-container mesh leaves it out",
      EMPTIED,
    ]);
  });

  it('is nothing of what is left out', () => {
    const withoutContainer = ['mesh', 'native'];
    const skipped = plan({ target: of, flags: { skipInit: true, withoutContainer } });
    assert.deepEqual(skipped.notes, [EMPTIED]);
    const named = plan({ target: of, flags: { withoutContainer: [...withoutContainer, 'migrate'] } });
    assert.deepEqual(named.notes, skipped.notes);
  });

  it('can only leave out what is there, and not the app', () => {
    const error = refused({ target: of, flags: { withoutContainer: ['app'] } });
    assert.equal(error.code, 'TP_NO_CONTAINER');
    assert.deepEqual(error.hint?.split('\n'), [
      '--without-container mesh',
      '--without-container migrate',
      '--without-container native',
    ]);
    assert.match(refused({ flags: { withoutContainer: ['x'] } }).hint ?? '', /no other containers/);
  });
});

describe('the plan for a person', () => {
  it('is a line for each thing that will happen', () => {
    const lines = describePlan(plan({ flags: { port: ['3000:8080'] } }), {
      context: 'staging',
      namespace: 'shop',
    });
    assert.deepEqual(lines, [
      'context staging, namespace shop',
      'examplecom/servicename stands in for deployment/servicename',
      'port 8080 of the pod is answered by port 3000 of the process',
      'Service shop (80 -> 8080) is switched when the process listens',
      'the original pods answer whenever this does not',
    ]);
  });
});

describe('the plan as YAML', () => {
  it('is the exact objects, and the patches', () => {
    const given = plan();
    const documents = parseAllDocuments(planAsYaml(given)).map((document) => document.toJS() as unknown);
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
    const { configMap, shadow, deployment } = given.objects;
    assert.deepEqual(documents, [
      plain(configMap),
      plain(shadow),
      plain(deployment),
      { patch: 'service/shop', merge: { spec: { selector: { 'tp/session': 'a1b2c3d4e5' } } } },
    ]);
  });
});

describe('--volume-copy', () => {
  const given = (...volumeCopy: string[]): Given => ({
    flags: { volumeCopy },
    target: {
      kind: 'statefulset',
      claims: ['data'],
      container: {
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'config', mountPath: '/config' },
        ],
      },
      spec: {
        volumes: [
          { name: 'config', configMap: {} },
          { name: 'host', hostPath: { path: '/x' } },
        ],
      },
    },
  });

  it('says before it starts what is copied, from where and how much', () => {
    const { notes } = plan(given('data=500Mi'));
    assert.ok(
      notes.some((note) =>
        /^volume data is copied once at the start, from replica 0's claim data-servicename-0: at most 500 MiB/.test(
          note,
        ),
      ),
      notes.join('\n'),
    );
    assert.ok(!notes.some((note) => note.includes('volume data is left out')));
    assert.ok(notes.some((note) => note.includes('volume host is left out')));
    assert.ok(plan(given('data')).notes.some((note) => note.includes('at most 1 GiB')));
  });

  for (const [name, why] of [
    ['nosuch', 'the pod has no such volume'],
    ['config', 'this volume is brought without it'],
    ['host', 'container app does not mount it'],
  ] as const) {
    it(`is refused: ${why}`, () => {
      const error = refused(given(name));
      assert.equal(error.code, 'TP_VOLUME_COPY');
      assert.equal(error.message, `--volume-copy ${name}: ${why}`);
      assert.equal(error.hint, '--volume-copy data');
    });
  }
});
