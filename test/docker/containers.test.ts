import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { checkDraft } from '../../src/docker/draft.ts';
import { connectNetworks, networkContainer } from '../../src/docker/network-container.ts';
import { clientFlags, joinedContainer } from '../../src/docker/user-container.ts';
import { TpError } from '../../src/errors.ts';
import { DRAFTS, draft, ID } from './inspect.ts';

const OWNER = 'owner-id';
const LABELS = { 'tp/session': 'abc', 'tp/owner': '{}' };
const joined = (of = draft()) =>
  joinedContainer(of, OWNER, {
    environment: ['A=1'],
    labels: LABELS,
    mounted: [],
    user: { user: undefined, groups: [] },
  });
const network = (of = draft()) =>
  networkContainer(of, {
    name: 'tp-abc',
    image: 'tp-network:1',
    hostname: 'servicename-7c9',
    labels: LABELS,
  });

type Created = Dockerode.ContainerCreateOptions & { MacAddress?: string };
const some = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);

/** What Docker refuses on a container that joins another's network (runconfig, validateNetContainerMode). */
function refused(created: Created): string[] {
  const host = created.HostConfig ?? {};
  const conflicts: Record<string, unknown> = {
    hostname: created.Hostname,
    links: host.Links,
    dns: host.Dns,
    hosts: host.ExtraHosts,
    mac: created.MacAddress,
    published: host.PortBindings,
    'published all': host.PublishAllPorts,
    exposed: created.ExposedPorts,
    networks: created.NetworkingConfig,
  };
  return Object.keys(conflicts).filter((name) => some(conflicts[name]));
}

describe('what the user’s container gets of the pod', () => {
  const given = (of: ReturnType<typeof draft>) =>
    joinedContainer(of, OWNER, {
      environment: [],
      labels: LABELS,
      mounted: [{ Type: 'bind', Source: '/copy', Target: '/etc/web' }],
      user: { user: '1000:2000', groups: ['3000'] },
    });

  it('is its user, beside groups and mounts of the user’s own', () => {
    const own = { Type: 'volume' as const, Source: 'mine', Target: '/mine' };
    const created = given(draft({ HostConfig: { GroupAdd: ['audio'], Mounts: [own] } }));
    assert.equal(created.User, '1000:2000');
    assert.deepEqual(created.HostConfig?.GroupAdd, ['audio', '3000']);
    assert.deepEqual(
      created.HostConfig?.Mounts?.map(({ Target }) => Target),
      ['/mine', '/etc/web'],
    );
  });
});

describe('the log of the network container', () => {
  it('is bounded, and one that Docker can read, whatever is its default', () => {
    const { LogConfig } =
      network(draft({ HostConfig: { LogConfig: { Type: 'none', Config: {} } } })).HostConfig ?? {};
    assert.deepEqual(LogConfig, { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } });
  });
});

describe('the container that joins', () => {
  for (const [version, make] of Object.entries(DRAFTS)) {
    it(`has nothing that Docker refuses on it (${version})`, () => {
      const { Config, HostConfig } = make().inspect;
      const all = ['hostname', 'links', 'dns', 'hosts', 'published', 'published all', 'exposed'];
      const unchanged = refused({ ...Config, HostConfig } as Created);
      assert.deepEqual(
        unchanged.filter((name) => name !== 'mac'),
        all,
        'the draft has it all, or this test shows nothing',
      );
      assert.deepEqual(refused(joined(make())), []);
      assert.equal(joined(make()).HostConfig?.NetworkMode, `container:${OWNER}`);
    });

    it(`keeps the rest as Docker's client made it (${version})`, () => {
      const { inspect } = make();
      const created = joined(make());
      const moved = ['Hostname', 'Domainname', 'ExposedPorts', 'MacAddress', 'Env', 'Labels'];
      for (const [key, value] of Object.entries(inspect.Config)) {
        if (!moved.includes(key)) assert.deepEqual(created[key as keyof typeof created], value, key);
      }
      const replaced = [
        'NetworkMode',
        'PortBindings',
        'PublishAllPorts',
        'ExtraHosts',
        'Links',
        'AutoRemove',
        'GroupAdd',
        'Mounts',
        'RestartPolicy', // any but Docker's default was refused
      ];
      for (const [key, value] of Object.entries(inspect.HostConfig)) {
        if (replaced.includes(key) || key.startsWith('Dns')) continue;
        assert.deepEqual(created.HostConfig?.[key as keyof Dockerode.HostConfig], value, key);
      }
      assert.equal(created.name, 'shop');
      assert.deepEqual(created.Env, ['A=1']);
      assert.deepEqual(created.Labels, { team: 'shop', ...LABELS });
    });
  }

  it('is removed by the session, not by Docker: its exit code and log are read first', () => {
    assert.equal(joined().HostConfig?.AutoRemove, false);
  });

  it('has no name servers of its own, for resolv.conf is the pod’s', () => {
    const { Dns, DnsOptions, DnsSearch } = joined().HostConfig ?? {};
    assert.deepEqual([Dns, DnsOptions, DnsSearch], [undefined, undefined, undefined]);
  });

  it('keeps an empty --entrypoint, for which Docker answers null', () => {
    // Docker takes null for "as the image has it", and [""] for none at all (measured with 20.10).
    assert.deepEqual(joined(draft({ Config: { Entrypoint: null } })).Entrypoint, ['']);
    assert.deepEqual(joined(draft({ Config: { Entrypoint: ['sh', '-c'] } })).Entrypoint, ['sh', '-c']);
  });
});

describe('the network container', () => {
  for (const [version, make] of Object.entries(DRAFTS)) {
    it(`is given what the other cannot have (${version})`, () => {
      const created = network(make());
      assert.deepEqual(created.HostConfig?.PortBindings, { '9229/tcp': [{ HostIp: '', HostPort: '9229' }] });
      assert.equal(created.HostConfig?.PublishAllPorts, true);
      assert.deepEqual(created.ExposedPorts, { '90/tcp': {}, '9229/tcp': {} });
      assert.deepEqual(created.HostConfig?.Links, ['/other:/shop/o']);
      assert.equal(created.Hostname, 'web');
      assert.equal(created.Domainname, 'example.com');
      assert.deepEqual(created.HostConfig?.ExtraHosts, ['db:10.0.0.5', 'host.docker.internal:host-gateway']);
      assert.equal(created.name, 'tp-abc');
      assert.equal(created.Image, 'tp-network:1');
      assert.deepEqual(created.Labels, LABELS);
    });
  }

  it('has the settings of the network stack that the user asked for, and the other has the rest', () => {
    const Sysctls = { 'net.core.somaxconn': '4096', 'kernel.shmmax': '1' };
    const asked = draft({ HostConfig: { Sysctls } });
    assert.equal(network(asked).HostConfig?.Sysctls?.['net.core.somaxconn'], '4096');
    assert.equal(network(asked).HostConfig?.Sysctls?.['kernel.shmmax'], undefined);
    assert.deepEqual(joined(asked).HostConfig?.Sysctls, { 'kernel.shmmax': '1' });
  });

  it('is known to siblings by the name of the container, and not by that of the draft', () => {
    const mine = { Aliases: ['alias', ID.slice(0, 12)] };
    const created = network(draft({ HostConfig: { NetworkMode: 'mine' }, Networks: { mine } }));
    assert.deepEqual(created.NetworkingConfig?.EndpointsConfig?.mine?.Aliases, ['alias', 'shop']);
  });

  it('has the rights that the agent needs, and no more', () => {
    const { Privileged, CapAdd, CapDrop, Devices, Sysctls, Binds } = network().HostConfig ?? {};
    assert.equal(Privileged, undefined);
    assert.deepEqual(CapDrop, ['ALL']);
    assert.deepEqual(CapAdd, ['NET_ADMIN', 'NET_RAW', 'DAC_OVERRIDE', 'CHOWN', 'FOWNER', 'FSETID']);
    assert.deepEqual(
      Devices?.map((device: { PathOnHost: string }) => device.PathOnHost),
      ['/dev/net/tun'],
    );
    assert.equal(Sysctls?.['net.ipv4.ip_forward'], '0');
    assert.equal(Binds, undefined, 'no file of the host, least of all docker.sock');
  });

  it('has the hardware address where Docker keeps it with the container', () => {
    assert.equal((network() as Created).MacAddress, '02:42:ac:11:00:99');
  });

  it('has the pod’s hostname unless the user gave one', () => {
    assert.equal(network(draft({ Config: { Hostname: ID.slice(0, 12) } })).Hostname, 'servicename-7c9');
    assert.equal(network(draft({ Config: { Hostname: '' } })).Hostname, 'servicename-7c9');
    assert.equal(network(draft({ Config: { Hostname: 'other' } })).Hostname, 'other');
  });

  it('takes the user’s network with its address and names', () => {
    const IPAMConfig = { IPv4Address: '172.30.0.7' };
    const shop = { IPAMConfig, Aliases: ['shop-alias'], MacAddress: '' };
    const created = network(draft({ HostConfig: { NetworkMode: 'mine' }, Networks: { mine: shop } }));
    assert.equal(created.HostConfig?.NetworkMode, 'mine');
    const endpoint = created.NetworkingConfig?.EndpointsConfig?.mine;
    assert.deepEqual(endpoint?.IPAMConfig, IPAMConfig);
    assert.ok(endpoint?.Aliases?.includes('shop-alias'));
  });

  it('names no endpoint on the default network, where Docker refuses names', () => {
    assert.equal(network(DRAFTS['Docker 20.10']()).NetworkingConfig, undefined);
  });
});

describe('further networks', () => {
  const connected = async (mode: string, networks: string[]) => {
    const calls: [string, unknown][] = [];
    const docker = {
      getNetwork: (name: string) => ({
        connect: async (options: unknown) => void calls.push([name, options]),
      }),
    } as unknown as Dockerode;
    const Networks = Object.fromEntries(networks.map((name) => [name, { Aliases: [`${name}-alias`] }]));
    await connectNetworks(docker, draft({ HostConfig: { NetworkMode: mode }, Networks }), 'id');
    return calls;
  };

  it('are connected, each with its names', async () => {
    const calls = await connected('first', ['first', 'second', 'third']);
    assert.deepEqual(
      calls.map(([name]) => name),
      ['second', 'third'],
    );
    assert.deepEqual(calls[0]?.[1], {
      Container: 'id',
      EndpointConfig: { Aliases: ['second-alias', 'shop'] },
    });
  });

  it('are none on the default network, whatever it is called', async () => {
    assert.deepEqual(await connected('default', ['bridge']), []);
    assert.deepEqual(await connected('bridge', ['bridge']), []);
  });
});

describe('a draft', () => {
  const checked = (HostConfig: Record<string, unknown>) => {
    try {
      checkDraft(draft({ HostConfig }), true);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof TpError);
      return error.code;
    }
  };

  for (const mode of ['host', 'none', 'container:abc']) {
    it(`with --network ${mode} is refused`, () => {
      assert.equal(checked({ NetworkMode: mode }), 'TP_NETWORK_MODE');
    });
  }

  for (const mode of ['default', 'bridge', 'mine', 'hosted', 'nonesuch', 'host-only']) {
    it(`with --network ${mode} is taken`, () => assert.equal(checked({ NetworkMode: mode }), undefined));
  }

  it('with a setting that the session needs otherwise is refused', () => {
    assert.equal(checked({ Sysctls: { 'net.ipv4.ip_forward': '1' } }), 'TP_SYSCTL');
    assert.equal(checked({ Sysctls: { 'net.ipv4.ip_forward': '0' } }), undefined);
    assert.equal(checked({ Sysctls: { 'net.core.somaxconn': '4096' } }), undefined);
  });

  it('with a terminal, read from a pipe, is refused in the words and with the code of docker run', () => {
    assert.throws(
      () => checkDraft(draft(), false),
      (error: unknown) =>
        error instanceof TpError &&
        error.code === 'TP_NOT_A_TERMINAL' &&
        error.exitCode === 1 &&
        error.message === 'the input device is not a TTY',
    );
    checkDraft(draft({ Config: { Tty: false } }), false);
    checkDraft(draft({ Config: { AttachStdin: false } }), false);
  });

  it('that would restart by itself is refused', () => {
    for (const Name of ['always', 'unless-stopped', 'on-failure']) {
      assert.equal(checked({ RestartPolicy: { Name } }), 'TP_RESTART_POLICY');
    }
    for (const Name of ['', 'no']) assert.equal(checked({ RestartPolicy: { Name } }), undefined);
  });
});

describe('flags of Docker’s client', () => {
  it('go to the command that has them, in their order', () => {
    const flags = ['-it', '--detach-keys', 'ctrl-x', '-e', 'A=1', '--detach-keys=ctrl-y', '--rm'];
    assert.deepEqual(clientFlags(flags), {
      create: ['-it', '-e', 'A=1', '--rm'],
      start: ['--detach-keys', 'ctrl-x', '--detach-keys=ctrl-y'],
    });
  });

  it('that say what is so anyway are left out', () => {
    const flags = ['--sig-proxy', '--sig-proxy=true', '--sig-proxy=1', '--detach=false', '-i'];
    assert.deepEqual(clientFlags(flags), { create: ['-i'], start: [] });
  });

  it('that nothing can honour are refused, with what to do', () => {
    assert.throws(
      () => clientFlags(['--sig-proxy=false']),
      (error: unknown) =>
        error instanceof TpError && error.code === 'TP_SIG_PROXY' && error.hint !== undefined,
    );
  });
});
