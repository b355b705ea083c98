import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { podMounts } from '../../src/cluster/pod-mounts.ts';

const volumes = [
  { name: 'config', configMap: { name: 'c' } },
  { name: 'secret', secret: { secretName: 's' } },
  { name: 'work', emptyDir: {} },
  { name: 'quick', emptyDir: { medium: 'Memory' } },
  { name: 'tp-proxy', configMap: { name: 'p' } },
  { name: 'claim', emptyDir: {} },
];
const spec = {
  volumes,
  containers: [
    { name: 'sidecar', volumeMounts: [{ name: 'work', mountPath: '/sidecar' }] },
    {
      name: 'web',
      volumeMounts: [
        { name: 'config', mountPath: '/etc/web/' },
        { name: 'config', mountPath: '/etc/one', subPath: 'one' },
        { name: 'secret', mountPath: '/etc/secret', readOnly: true },
        { name: 'work', mountPath: '/work', readOnly: true },
        { name: 'quick', mountPath: '/quick' },
        { name: 'tp-proxy', mountPath: '/tp' },
        { name: 'claim', mountPath: '/claim' },
      ],
    },
  ],
};

describe('the mounts of a pod', () => {
  it('are those of the container that the proxy stands for, without what has no files here', () => {
    const own = { readOnly: true, follows: true, inMemory: true };
    assert.deepEqual(podMounts(spec, 'web', ['tp-proxy', 'claim']), [
      { path: '/etc/web', volume: 'config', ...own },
      { path: '/etc/one', volume: 'config', ...own, follows: false },
      { path: '/etc/secret', volume: 'secret', ...own },
      { path: '/work', volume: 'work', readOnly: true, follows: false, inMemory: false },
      { path: '/quick', volume: 'quick', readOnly: false, follows: false, inMemory: true },
    ]);
  });

  it('are none of a pod that says nothing', () => {
    assert.deepEqual(podMounts(undefined, 'web', []), []);
    assert.deepEqual(podMounts({ containers: [{ name: 'web' }] }, 'web', []), []);
  });
});
