import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processAddresses, processPort } from '../../../images/network/process-ends.ts';

const BOTH = ['10.42.0.9', 'fd00::9'];

describe('the process’s port', () => {
  const configuration = {
    ports: [{ pod: 8080, process: 3000 }],
    fromPod: [
      { port: 9000, protocol: 'tcp' as const },
      { port: 8125, protocol: 'udp' as const },
    ],
  };

  it('is the one that --port says, or that of --from-pod, and no other', () => {
    const found = [8080, 9000, 8125, 3000].map((pod) => processPort(configuration, pod));
    assert.deepEqual(found, [3000, 9000, undefined, undefined]);
    assert.deepEqual(
      [8125, 8080].map((pod) => processPort(configuration, pod, 'UDP')),
      [8125, undefined],
    );
  });
});

describe('the process’s addresses', () => {
  it('are those of the pod, the caller’s family first, and loopback after them', () => {
    assert.deepEqual(processAddresses('10.0.0.7', BOTH), ['10.42.0.9', 'fd00::9', '127.0.0.1', '::1']);
    assert.deepEqual(processAddresses('fd00::7', BOTH), ['fd00::9', '10.42.0.9', '127.0.0.1', '::1']);
    assert.deepEqual(processAddresses('10.0.0.7', ['10.42.0.9']), ['10.42.0.9', '127.0.0.1', '::1']);
  });

  it('are loopback alone for a sidecar that calls there', () => {
    assert.deepEqual(processAddresses('127.0.0.1', BOTH), ['127.0.0.1', '::1']);
    assert.deepEqual(processAddresses('::1', BOTH), ['::1', '127.0.0.1']);
  });
});
