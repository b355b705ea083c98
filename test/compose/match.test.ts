import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Workload } from '../../src/cluster/workload.ts';
import { matchServices } from '../../src/compose/match.ts';
import type { ComposeService } from '../../src/compose/project.ts';
import { TpError } from '../../src/errors.ts';

const workload = (name: string, ...images: string[]): Workload => ({
  kind: 'deployment',
  name,
  uid: name,
  selector: {},
  template: { spec: { containers: images.map((image, at) => ({ name: `c${at}`, image })) } },
  replicas: 1,
  claims: [],
});

const WORKLOADS = [
  workload('web', 'example/web:1'),
  workload('api', 'example/api:1', 'example/proxy:1'),
  workload('one', 'example/same:1'),
  workload('two', 'example/same:2'),
];

const match = (services: Record<string, ComposeService>, ...named: string[]) =>
  matchServices({ services }, WORKLOADS, named).map(
    ({ service, workload: found, container }) => `${service}: ${found} ${container}`,
  );

const refusal = (services: Record<string, ComposeService>, ...named: string[]): TpError => {
  try {
    match(services, ...named);
  } catch (error) {
    if (error instanceof TpError) return error;
  }
  throw new Error('it was not refused');
};

describe('services that act as pods', () => {
  it('are those whose image one workload runs', () => {
    const services = {
      web: { image: 'example/web:dev' },
      cache: { image: 'redis' },
      both: { image: 'example/same' },
    };
    assert.deepEqual(match(services), ['web: deployment/web c0']);
  });

  it('are those that the Compose file marks, where it marks any', () => {
    const services = {
      web: { image: 'example/web' },
      mine: { image: 'anything', 'x-tp': { workload: 'deployment/one' } },
    };
    assert.deepEqual(match(services), ['mine: deployment/one c0']);
  });

  it('are those that are named, with their workload where the image does not say it', () => {
    const services = { web: { image: 'example/web' }, mine: { image: 'anything' } };
    assert.deepEqual(match(services, 'mine=deployment/two', 'web'), [
      'mine: deployment/two c0',
      'web: deployment/web c0',
    ]);
  });

  it('are one of several containers of a pod', () => {
    assert.deepEqual(match({ p: { image: 'example/proxy' } }), ['p: deployment/api c1']);
    const marked = { p: { image: 'x', 'x-tp': { workload: 'deployment/api', container: 'c0' } } };
    assert.deepEqual(match(marked), ['p: deployment/api c0']);
  });

  it('say who answers to a name that the cluster has too: the project, unless it is said', () => {
    const services = {
      web: { image: 'example/web' },
      api: { image: 'example/api', 'x-tp': { prefer: 'cluster' } },
    };
    const found = matchServices({ services }, WORKLOADS, ['web', 'api']);
    assert.deepEqual(
      found.map(({ prefer }) => prefer),
      ['compose', 'cluster'],
    );
  });

  const REFUSED: [string, Record<string, ComposeService>, string[], string, RegExp][] = [
    ['one that is not there', { web: {} }, ['nosuch'], 'TP_COMPOSE_SERVICE', /tp compose up web/],
    [
      'none that fits',
      { cache: { image: 'redis' } },
      [],
      'TP_COMPOSE_SERVICE',
      /tp compose up cache=deployment\/NAME/,
    ],
    [
      'two that would be one workload',
      { a: { image: 'example/web' }, b: { image: 'example/web:2' } },
      [],
      'TP_COMPOSE_SERVICE',
      /name one of them/,
    ],
    ['one that is scaled', { web: { image: 'example/web', scale: 2 } }, [], 'TP_COMPOSE_SERVICE', /scale: 1/],
    [
      'one with replicas',
      { web: { image: 'example/web', deploy: { replicas: 3 } } },
      [],
      'TP_COMPOSE_SERVICE',
      /scale: 1/,
    ],
    [
      'one on the host network',
      { web: { image: 'example/web', network_mode: 'host' } },
      [],
      'TP_COMPOSE_SERVICE',
      /network_mode/,
    ],
    [
      'one that prefers nobody',
      { web: { image: 'example/web', 'x-tp': { prefer: 'both' } } },
      [],
      'TP_COMPOSE_SERVICE',
      /x-tp: \{prefer: cluster\}/,
    ],
    [
      'a workload that is not there',
      { web: {} },
      ['web=deployment/nosuch'],
      'TP_NO_WORKLOAD',
      /deployment\/web/,
    ],
    [
      'several workloads for a named one',
      { s: { image: 'example/same' } },
      ['s'],
      'TP_SEVERAL_WORKLOADS',
      /--workload/,
    ],
  ];
  for (const [what, services, named, code, hint] of REFUSED) {
    it(`are refused: ${what}`, () => {
      const error = refusal(services, ...named);
      assert.equal(error.code, code);
      assert.match(error.hint ?? '', hint);
    });
  }
});
