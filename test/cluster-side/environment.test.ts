import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V1Container, V1EnvVar } from '@kubernetes/client-node';
import fc from 'fast-check';
import { expandReferences, podEnvironment } from '../../images/proxy/environment.ts';
import { cloneDeployment } from '../../src/cluster/clone.ts';
import { cloneEnvironment, environmentOrder } from '../../src/cluster/clone-environment.ts';
import { expand, kubeletEnvironment, type Surroundings } from './kubelet.ts';
import { target } from './target.ts';

const KUBERNETES = { name: 'kubernetes', ip: '10.43.0.1', ports: [{ port: 443, name: 'https' }] };
const NOTHING: Surroundings = { configMaps: {}, services: [] };

/** What the proxy's image has of its own. */
const IMAGE = {
  PATH: '/usr/local/bin:/usr/bin',
  NODE_VERSION: '24.21.0',
  HOME: '/',
  HOSTNAME: 'servicename-7c9',
};

/** The environment that arrives at the laptop: through the clone, the kubelet, and the proxy. */
function through(container: Partial<V1Container>, surroundings: Surroundings): Record<string, string> {
  const stand = target({ container });
  const clone = cloneDeployment(stand, {
    session: 'abc',
    name: 'tp-abc',
    configMap: 'tp-abc',
    image: 'node:24-slim',
    ports: [8080],
    limited: [],
    healthPort: 47471,
    annotations: {},
    skipInit: false,
    withoutContainers: [],
    dropLabels: [],
  });
  const proxy = clone.spec?.template.spec?.containers.find(({ name }) => name === 'app');
  assert.ok(proxy);
  // The address is the kubelet's to fill in; how does not matter here.
  const env = (proxy.env ?? []).map((each) =>
    each.valueFrom?.fieldRef ? { name: each.name, value: '10.42.0.9' } : each,
  );
  const own = { ...IMAGE, ...kubeletEnvironment({ ...proxy, env }, surroundings) };
  // As it comes out of a JSON file in the ConfigMap.
  return podEnvironment(own, JSON.parse(JSON.stringify(environmentOrder(stand.container))));
}

/** Checks that a container with this declaration has here what the kubelet would give it. */
function same(container: Partial<V1Container>, surroundings: Surroundings = NOTHING): Record<string, string> {
  const expected = kubeletEnvironment({ name: 'app', ...container }, surroundings);
  const actual = through(container, surroundings);
  assert.deepEqual(actual, expected);
  return actual;
}

const fromConfigMap = (name: string, key: string, optional = false): V1EnvVar => ({
  name,
  valueFrom: { configMapKeyRef: { name: 'config', key, optional } },
});

describe('the environment of a pod, through the clone', () => {
  it('has values as they are: newlines, quotes, dollars, nothing', () => {
    const values = { A: 'a\nb\n', B: `"'\\`, C: '$HOME ${X} $$ $ $(', D: '', E: 'ü€\u{1f600}', F: '  x  ' };
    const env = Object.entries(values).map(([name, value]) => ({ name, value }));
    assert.deepEqual(same({ env }), { ...values, C: '$HOME ${X} $ $ $(' });
  });

  it('has references resolved, in the order of the declaration', () => {
    const env = [
      { name: 'EARLY', value: '$(LATE)' },
      { name: 'HOST', value: 'db' },
      { name: 'URL', value: 'postgres://$(HOST):$(DB_SERVICE_PORT)/x' },
      { name: 'LATE', value: 'late' },
    ];
    const services = [{ name: 'db', ip: '10.43.0.5', ports: [{ port: 5432 }] }];
    const result = same({ env }, { configMaps: {}, services });
    assert.equal(result.URL, 'postgres://db:5432/x');
    assert.equal(result.EARLY, '$(LATE)');
  });

  it('has escaped references as their text', () => {
    const env = [
      { name: 'A', value: 'a' },
      { name: 'B', value: '$$(A) $$$(A) $$$$(A) $$$$$(A)' },
    ];
    assert.equal(same({ env }).B, '$(A) $a $$(A) $$a');
  });

  it('does not resolve what only looks like a reference in a value from elsewhere', () => {
    const configMaps = { config: { text: '$(A) $$(A) $$' } };
    const env = [{ name: 'A', value: 'a' }, fromConfigMap('B', 'text'), { name: 'C', value: '[$(B)]' }];
    const result = same({ env }, { configMaps, services: [] });
    assert.equal(result.B, '$(A) $$(A) $$');
    assert.equal(result.C, '[$(A) $$(A) $$]');
  });

  it('has envFrom with its prefixes, later ones over earlier ones, and env over both', () => {
    const configMaps = { one: { A: '1', B: '1' }, two: { A: '2' }, three: { A: '3' } };
    const envFrom = [
      { configMapRef: { name: 'one' } },
      { configMapRef: { name: 'two' } },
      { prefix: 'P_', configMapRef: { name: 'three' } },
    ];
    const env = [{ name: 'B', value: 'env' }];
    assert.deepEqual(same({ env, envFrom }, { configMaps, services: [] }), { A: '2', B: 'env', P_A: '3' });
  });

  it('lets a variable extend the one of its name from envFrom', () => {
    const configMaps = { config: { JAVA_OPTS: '-Xmx1g', OTHER: 'o' } };
    const env = [
      { name: 'BEFORE', value: '$(JAVA_OPTS)' },
      { name: 'JAVA_OPTS', value: '$(JAVA_OPTS) -Dx=$(OTHER)' },
      { name: 'AFTER', value: '$(JAVA_OPTS)' },
    ];
    const result = same(
      { env, envFrom: [{ configMapRef: { name: 'config' } }] },
      { configMaps, services: [] },
    );
    assert.equal(result.BEFORE, '-Xmx1g');
    assert.equal(result.AFTER, '-Xmx1g -Dx=o');
  });

  it('lets envFrom show through an optional reference that leads nowhere', () => {
    const configMaps = { config: { A: 'from' } };
    const env = [fromConfigMap('A', 'missing', true), fromConfigMap('B', 'missing', true)];
    const result = same(
      { env, envFrom: [{ configMapRef: { name: 'config' } }] },
      { configMaps, services: [] },
    );
    assert.deepEqual(result, { A: 'from' });
  });

  it('has the links of Services, and nothing of the proxy’s own', () => {
    const services = [
      KUBERNETES,
      {
        name: 'thing-1',
        ip: '10.43.0.7',
        ports: [
          { port: 80, name: 'http' },
          { port: 53, name: 'dns-udp', protocol: 'UDP' },
        ],
      },
    ];
    const result = same({}, { configMaps: {}, services });
    assert.equal(result.KUBERNETES_SERVICE_HOST, '10.43.0.1');
    assert.equal(result.THING_1_PORT_53_UDP_ADDR, '10.43.0.7');
    assert.equal(result.PATH, undefined);
    assert.equal(result.TP_POD_IPS, undefined);
  });

  it('has a declared variable over a link of its name', () => {
    const env = [{ name: 'KUBERNETES_SERVICE_HOST', value: 'mine' }];
    assert.equal(same({ env }, { configMaps: {}, services: [KUBERNETES] }).KUBERNETES_SERVICE_HOST, 'mine');
  });

  it('has what would stop the proxy itself: NODE_OPTIONS, PATH, LD_PRELOAD', () => {
    const env = ['NODE_OPTIONS', 'PATH', 'LD_PRELOAD', 'NODE_EXTRA_CA_CERTS'].map((name) => ({
      name,
      value: '/x',
    }));
    same({ env });
    for (const { name } of cloneEnvironment({ name: 'app', env })) assert.match(name, /^TPENV_/);
  });

  it('is what the kubelet would give, whatever is declared', () => {
    const names = ['A', 'B', 'C', 'D', 'a.b-c', 'X_SERVICE_HOST'];
    const references = [
      ...names,
      'S1',
      'P_S1',
      'S2',
      'DB_SERVICE_HOST',
      'DB_PORT_5432_TCP_ADDR',
      'UNKNOWN',
      '',
    ];
    const fragment = fc.oneof(
      fc.constantFrom(...references).map((name) => `$(${name})`),
      fc.constantFrom('$', '$$', '(', ')', '$(', '\n', 'x', ' ', 'é', '$é', '"', '=', '\\'),
    );
    const value = fc.array(fragment, { maxLength: 6 }).map((parts) => parts.join(''));
    const variable = fc.oneof(
      { weight: 3, arbitrary: value.map((text) => ({ value: text })) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom('key', 'other', 'missing'))
          .map(([key]) => ({ valueFrom: { configMapKeyRef: { name: 'config', key, optional: true } } })),
      },
    );
    const env = fc
      .tuple(fc.shuffledSubarray([...names, 'S1']), fc.array(variable, { minLength: 7, maxLength: 7 }))
      .map(([chosen, variables]) => chosen.map((name, index) => ({ name, ...variables[index] })));
    const source = fc.record({
      prefix: fc.constantFrom(undefined, 'P_'),
      configMapRef: fc.record({ name: fc.constantFrom('one', 'two') }),
    });
    const data = fc.dictionary(fc.constantFrom('S1', 'S2', 'A'), value);
    const scenario = fc.record({
      env,
      envFrom: fc.array(source, { maxLength: 3 }),
      one: data,
      two: data,
      key: value,
    });
    fc.assert(
      fc.property(scenario, ({ env, envFrom, one, two, key }) => {
        const configMaps = { one, two, config: { key, other: 'other' } };
        const services = [KUBERNETES, { name: 'db', ip: '10.43.0.5', ports: [{ port: 5432, name: 'sql' }] }];
        same({ env, envFrom: envFrom as V1Container['envFrom'] & object }, { configMaps, services });
      }),
      { numRuns: 500 },
    );
  });
});

describe('the expansion of references', () => {
  it('is that of the kubelet', () => {
    const fragment = fc.constantFrom(
      '$',
      '$$',
      '$(A)',
      '$(B',
      '(',
      ')',
      'A',
      '$()',
      '$(A$(A))',
      '\n',
      'é',
      '\u{1f600}',
    );
    const values = { A: 'a$(A)', '': 'empty', 'A$(A': 'nested' };
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 10 }), (parts) => {
        const text = parts.join('');
        const mapping = (name: string) => (Object.hasOwn(values, name) ? values[name as 'A'] : `$(${name})`);
        assert.equal(expandReferences(text, values), expand(text, mapping));
      }),
      { numRuns: 2_000 },
    );
  });

  it('knows no names that every object has', () => {
    assert.equal(
      expandReferences('$(constructor) $(__proto__) $(toString)', {}),
      '$(constructor) $(__proto__) $(toString)',
    );
  });
});

describe('a variable with the container’s own resources', () => {
  const literal = (
    resources: V1Container['resources'],
    resource: string,
    divisor?: string,
    containerName?: string,
  ) => {
    const valueFrom = {
      resourceFieldRef: {
        resource,
        ...(divisor ? { divisor } : {}),
        ...(containerName ? { containerName } : {}),
      },
    };
    const [variable] = cloneEnvironment({
      name: 'app',
      resources: resources ?? {},
      env: [{ name: 'R', valueFrom }],
    });
    assert.equal(variable?.name, 'TPENV_R');
    return variable?.value ?? variable?.valueFrom;
  };

  const CASES: readonly [
    resources: V1Container['resources'],
    resource: string,
    divisor: string | undefined,
    value: string,
  ][] = [
    [{ limits: { cpu: '2' } }, 'limits.cpu', undefined, '2'],
    [{ limits: { cpu: '1500m' } }, 'limits.cpu', undefined, '2'],
    [{ limits: { cpu: '1500m' } }, 'limits.cpu', '1', '2'],
    [{ limits: { cpu: '1500m' } }, 'limits.cpu', '1m', '1500'],
    [{ limits: { cpu: '4001m' } }, 'limits.cpu', '1m', '4001'],
    [{ limits: { cpu: '100m' } }, 'limits.cpu', '0', '1'],
    [{ requests: { cpu: '250m' } }, 'requests.cpu', '1m', '250'],
    [{ limits: { memory: '128Mi' } }, 'limits.memory', undefined, '134217728'],
    [{ limits: { memory: '128Mi' } }, 'limits.memory', '1Mi', '128'],
    [{ limits: { memory: '129Mi' } }, 'limits.memory', '1Gi', '1'],
    [{ limits: { memory: '1G' } }, 'limits.memory', '1Mi', '954'],
    [{ limits: { 'ephemeral-storage': '2Gi' } }, 'limits.ephemeral-storage', '1Gi', '2'],
    // Requests that are not given are the limits, and nothing where those are not given either.
    [{ limits: { memory: '64Mi' } }, 'requests.memory', '1Mi', '64'],
    [undefined, 'requests.memory', undefined, '0'],
  ];
  for (const [resources, resource, divisor, value] of CASES) {
    it(`is ${value} for ${resource} of ${JSON.stringify(resources)} in units of ${divisor}`, () => {
      assert.equal(literal(resources, resource, divisor), value);
    });
  }

  it('counts every thousandth of a CPU', () => {
    for (let milli = 1; milli < 10_000; milli++) {
      assert.equal(literal({ limits: { cpu: `${milli}m` } }, 'limits.cpu', '1m'), `${milli}`);
    }
  });

  it('stays a reference where there is no limit: the proxy has none either, so both have the node’s', () => {
    const reference = literal(undefined, 'limits.memory', '1Mi');
    assert.deepEqual(reference, { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } });
  });

  it('stays a reference to another container, and not to its own by name', () => {
    const resources = { limits: { cpu: '2' } };
    assert.equal(literal(resources, 'limits.cpu', undefined, 'app'), '2');
    const other = literal(resources, 'limits.cpu', undefined, 'sidecar') as V1EnvVar['valueFrom'];
    assert.equal(other?.resourceFieldRef?.containerName, 'sidecar');
  });
});
