import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { findSiblings, watchSiblings } from '../../src/docker/siblings.ts';

const OWN = { Id: 'own', NetworkSettings: { Networks: { bridge: {}, shop_default: {} } } };

const container = (Id: string, name: string, networks: Record<string, unknown>, Labels = {}) => ({
  Id,
  Name: `/${name}`,
  Config: { Labels },
  NetworkSettings: { Networks: networks },
});

/** A Docker that has our container and these, and notes which it was asked for. Its list has no aliases. */
function dockerWith(containers: ReturnType<typeof container>[], asked: unknown[] = []): Dockerode {
  const own = container('own', 'tp-abc', OWN.NetworkSettings.Networks);
  return {
    getContainer: (id: string) => ({
      async inspect() {
        const found = [own, ...containers].find(({ Id }) => Id === id);
        if (found && id !== 'gone') return found;
        throw Object.assign(new Error('no such container'), { statusCode: 404 });
      },
    }),
    listContainers: async (options: unknown) => {
      asked.push(options);
      return [own, ...containers].map(({ Id }) => ({ Id }));
    },
  } as unknown as Dockerode;
}

describe('siblings', () => {
  it('are asked for on the own networks only', async () => {
    const asked: unknown[] = [];
    await findSiblings(dockerWith([], asked), 'own');
    assert.deepEqual(asked, [{ filters: { network: ['bridge', 'shop_default'] } }]);
  });

  it('are known by container name, alias and compose service, in lower case', async () => {
    const database = container(
      'db',
      'Shop-DB-1',
      { shop_default: { IPAddress: '172.20.0.3', Aliases: ['database', 'abcdef012345'] } },
      { 'com.docker.compose.service': 'db' },
    );
    assert.deepEqual(await findSiblings(dockerWith([database]), 'own'), {
      addresses: ['172.20.0.3'],
      names: {
        'shop-db-1': ['172.20.0.3'],
        database: ['172.20.0.3'],
        abcdef012345: ['172.20.0.3'],
        db: ['172.20.0.3'],
      },
    });
  });

  it('have an address of each family where their network has both', async () => {
    const endpoint = { IPAddress: '172.20.0.3', GlobalIPv6Address: 'fd20::3' };
    const six = { IPAddress: '', GlobalIPv6Address: 'fd20::4' };
    const both = container('both', 'both', { shop_default: endpoint });
    const found = await findSiblings(
      dockerWith([both, container('six', 'six', { shop_default: six })]),
      'own',
    );
    assert.deepEqual(found.addresses, ['172.20.0.3', 'fd20::3', 'fd20::4']);
    assert.deepEqual(found.names, { both: ['172.20.0.3', 'fd20::3'], six: ['fd20::4'] });
  });

  it('share a name when they are replicas of one service', async () => {
    const replica = (n: number) =>
      container(
        `db${n}`,
        `shop-db-${n}`,
        { shop_default: { IPAddress: `172.20.0.${n}`, Aliases: null } },
        { 'com.docker.compose.service': 'db' },
      );
    const { names } = await findSiblings(dockerWith([replica(3), replica(4)]), 'own');
    assert.deepEqual(names.db, ['172.20.0.3', '172.20.0.4']);
  });

  it('have the names that links of the own service give them', async () => {
    const labels = { 'com.docker.compose.service': 'db' };
    const database = container('db', 'shop-db-1', { shop_default: { IPAddress: '172.20.0.3' } }, labels);
    const { names } = await findSiblings(dockerWith([database]), 'own', { db: ['store', 'Old'], web: ['x'] });
    assert.deepEqual(Object.keys(names), ['shop-db-1', 'db', 'store', 'old']);
  });

  it('may go while they are looked at', async () => {
    const gone = container('gone', 'x', { shop_default: { IPAddress: '172.20.0.3' } });
    assert.deepEqual(await findSiblings(dockerWith([gone]), 'own'), { addresses: [], names: {} });
  });

  it('have addresses but no names on the default network, as Docker has it', async () => {
    const other = container('x', 'x', { bridge: { IPAddress: '172.17.0.3', Aliases: ['y'] } });
    assert.deepEqual(await findSiblings(dockerWith([other]), 'own'), {
      addresses: ['172.17.0.3'],
      names: {},
    });
  });

  it('are left out with networks that are not ours, and without an address', async () => {
    const other = container('x', 'x', {
      elsewhere: { IPAddress: '172.30.0.3', Aliases: ['x'] },
      shop_default: { IPAddress: '', Aliases: ['x'] },
    });
    assert.deepEqual(await findSiblings(dockerWith([other]), 'own'), { addresses: [], names: {} });
  });

  it('are looked at again whenever a container comes or goes, until the end', async () => {
    const events = Object.assign(new EventEmitter(), { destroyed: false, destroy() { this.destroyed = true; } }); // biome-ignore format: one object
    const asked: { filters?: unknown }[] = [];
    const docker = {
      getEvents: async (options: object) => (asked.push(options), events),
    } as unknown as Dockerode;
    const end = new AbortController();
    let changes = 0;
    await watchSiblings(docker, end.signal, () => changes++);
    events.emit('data', Buffer.from('{}'));
    events.emit('data', Buffer.from('{}'));
    events.emit('error', new Error('Docker has gone'));
    assert.equal(changes, 2);
    assert.deepEqual(asked[0]?.filters, {
      type: ['network', 'container'],
      event: ['connect', 'disconnect', 'start'],
    });
    end.abort();
    assert.equal(events.destroyed, true);
  });
});
