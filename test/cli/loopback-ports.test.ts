import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { podPortText } from '../../images/pod-port.ts';
import { TpError } from '../../src/errors.ts';
import type { DockerRunFlags } from '../../src/flags.ts';
import { loopbackPorts, sidecarsOf } from '../../src/loopback-ports.ts';
import { sidecar, type TargetOptions, target } from '../cluster-side/target.ts';
import { DEFAULTS } from './defaults.ts';

/** A pod with a sidecar, a native one, and an init container that only runs once. */
const POD: TargetOptions = {
  container: { ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: 'UDP' }] },
  sidecars: [
    sidecar('mesh', {
      ports: [
        { containerPort: 9901, protocol: 'TCP' },
        { containerPort: 8125, protocol: 'UDP' },
        { containerPort: 3868, protocol: 'SCTP' },
      ],
    }),
  ],
  spec: {
    initContainers: [
      sidecar('migrate', { ports: [{ containerPort: 7 }] }),
      sidecar('native', { restartPolicy: 'Always', ports: [{ containerPort: 6379 }] }),
    ],
  },
};

const SERVED = [{ pod: 8080, process: 8080 }];

function texts(flags: Partial<DockerRunFlags> = {}, pod = POD, served = SERVED) {
  const { toPod, fromPod } = loopbackPorts(target(pod), { ...DEFAULTS, ...flags }, served);
  return { toPod: toPod.map(podPortText), fromPod: fromPod.map(podPortText) };
}

function refused(flags: Partial<DockerRunFlags>, served = SERVED): TpError {
  try {
    texts(flags, POD, served);
  } catch (error) {
    assert.ok(error instanceof TpError, String(error));
    assert.equal(error.code, 'TP_BAD_PORT');
    assert.equal(error.exitCode, 125);
    return error;
  }
  throw new Error('it was planned');
}

describe('the sidecars of a pod', () => {
  it('are the other containers, and init containers that restart for ever', () => {
    const names = (without: string[]) => sidecarsOf(target(POD), without).map(({ name }) => name);
    assert.deepEqual(names([]), ['native', 'mesh']);
    assert.deepEqual(names(['native']), ['mesh']);
  });
});

describe('the ports of 127.0.0.1 that lead to the pod', () => {
  it('are those that sidecars declare, TCP and UDP', () => {
    assert.deepEqual(texts(), { toPod: ['6379', '9901', '8125/udp'], fromPod: [] });
  });

  it('are none of a sidecar that is left out', () => {
    assert.deepEqual(texts({ withoutContainer: ['mesh'] }).toPod, ['6379']);
    assert.deepEqual(texts({ withoutContainer: ['mesh', 'native'] }).toPod, []);
  });

  it('are those that the flag names, too, each once', () => {
    const toPod = ['15000', '9901', '53/udp', '15000/tcp'];
    assert.deepEqual(texts({ toPod }).toPod, ['6379', '9901', '8125/udp', '15000', '53/udp']);
  });

  it('are not the process’s own, which it could not listen on', () => {
    const both = { ...POD, sidecars: [sidecar('twin', { ports: [{ containerPort: 8080 }] })] };
    assert.deepEqual(texts({}, both).toPod, ['6379']);
    assert.deepEqual(texts({}, POD, [{ pod: 8080, process: 6379 }]).toPod, ['9901', '8125/udp']);
    for (const [port, served] of [
      ['8080', []],
      ['5353/udp', []],
      ['3000', [{ pod: 8081, process: 3000 }]],
      ['8081', [{ pod: 8081, process: 3000 }]],
    ] as const) {
      assert.equal(
        refused({ toPod: [port] }, [...served]).message,
        `--to-pod ${port}: it is a port of your process`,
      );
    }
  });

  it('are of one protocol each', () => {
    assert.deepEqual(texts({ toPod: ['8080/udp', '5353'] }).toPod.slice(3), ['8080/udp', '5353']);
  });
});

describe('the ports of the pod that lead to the process', () => {
  it('are those that the flag names', () => {
    assert.deepEqual(texts({ fromPod: ['9000', '9000', '1'] }).fromPod, ['9000', '1']);
  });

  it('are the app’s own where no traffic is taken, for then the proxy listens on none', () => {
    assert.deepEqual(texts({ fromPod: ['8080'] }, POD, []).fromPod, ['8080']);
  });

  it('are of TCP or UDP, which do not get in each other’s way', () => {
    assert.deepEqual(texts({ fromPod: ['9125/udp', '8080/udp'] }).fromPod, ['9125/udp', '8080/udp']);
    assert.match(
      refused({ fromPod: ['9125/udp'], toPod: ['9125/udp'] }).message,
      /^--from-pod 9125\/udp: .*--to-pod says the opposite/,
    );
  });

  it('are none that the pod has already', () => {
    assert.match(
      refused({ fromPod: ['8080'] }).message,
      /^--from-pod 8080: the process answers there already/,
    );
    const { message, hint } = refused({ fromPod: ['9901'] });
    assert.equal(message, '--from-pod 9901: in the pod it is the port of mesh');
    assert.equal(hint, '--without-container mesh');
    assert.deepEqual(texts({ fromPod: ['9901'], withoutContainer: ['mesh'] }).fromPod, ['9901']);
    assert.match(refused({ fromPod: ['15000'], toPod: ['15000'] }).message, /--to-pod says the opposite/);
  });
});

describe('a port that is given by --port', () => {
  it('is not a sidecar’s in the pod, where the proxy could not listen', () => {
    const { message, hint } = refused({}, [{ pod: 9901, process: 3000 }]);
    assert.equal(message, '--port 3000:9901: in the pod 9901 is the port of mesh');
    assert.equal(hint, '--without-container mesh');
    const twin = { ...POD, sidecars: [sidecar('twin', { ports: [{ containerPort: 8080 }] })] };
    assert.doesNotThrow(() => texts({}, twin), 'a pod that says so itself is taken as it is');
  });
});

describe('a port of a flag', () => {
  for (const text of [
    '',
    '0',
    '65536',
    '-1',
    'http',
    '80:80',
    '80/sctp',
    '80/',
    '/udp',
    ' 80',
    '1.5',
    '123456',
  ]) {
    it(`is not "${text}"`, () => {
      const error = refused({ toPod: [text] });
      assert.equal(error.message, `--to-pod ${text}: not a port, PORT or PORT/udp`);
      assert.equal(error.hint, '--to-pod 9901');
      assert.match(refused({ fromPod: [text] }).message, /^--from-pod .*: not a port/);
    });
  }
});
