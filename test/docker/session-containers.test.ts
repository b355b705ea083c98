import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { removeSession } from '../../src/docker/session-containers.ts';

const SESSION = { 'tp/session': 'abc' };
const OF_COMPOSE = { 'com.docker.compose.service': 'web' };

const container = (Id: string, NetworkMode: string, Labels: Record<string, string> = {}) => ({
  Id,
  Labels,
  HostConfig: { NetworkMode },
});

/** Removes the session abc; gives the containers that were removed, in order. */
async function removed(...containers: ReturnType<typeof container>[]): Promise<string[]> {
  const gone: string[] = [];
  const docker = {
    listContainers: async () => containers,
    listVolumes: async () => ({ Volumes: null }),
    getContainer: (id: string) => ({ remove: async () => void gone.push(id) }),
  } as unknown as Dockerode;
  await removeSession(docker, 'abc');
  return gone;
}

describe('the containers of a session', () => {
  it('go, the one that owns the network last', async () => {
    const network = container('network', 'bridge', SESSION);
    const user = container('user', 'container:network', SESSION);
    assert.deepEqual(await removed(network, user), ['user', 'network']);
  });

  it('are those of Compose that joined its network, too', async () => {
    const network = container('network', 'shop_default', SESSION);
    const web = container('web', 'container:network', OF_COMPOSE);
    const cache = container('cache', 'shop_default', OF_COMPOSE);
    const elsewhere = container('elsewhere', 'container:other', OF_COMPOSE);
    assert.deepEqual(await removed(network, cache, elsewhere, web), ['web', 'network']);
  });

  it('are none that a person made by hand, nor those of another session', async () => {
    const network = container('network', 'bridge', SESSION);
    const byHand = container('by hand', 'container:network');
    const other = container('other', 'bridge', { 'tp/session': 'def' });
    assert.deepEqual(await removed(network, byHand, other), ['network']);
  });
});
