import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { V1Volume } from '@kubernetes/client-node';
import { downwardFiles } from '../../src/cluster/clone-downward.ts';

const TARGET = {
  name: 'web',
  resources: { requests: { cpu: '15m' }, limits: { memory: '300Mi' } },
};

const resource = (path: string, resource: string, divisor?: string, containerName = 'web') => ({
  path,
  mode: 0o440,
  resourceFieldRef: { containerName, resource, ...(divisor && { divisor }) },
});
const label = { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } };

describe('files that tell of resources', () => {
  it('tell of the target’s, by annotations, wherever they are', () => {
    const volumes: V1Volume[] = [
      {
        name: 'pod',
        downwardAPI: { defaultMode: 0o400, items: [label, resource('memory', 'limits.memory', '1Mi')] },
      },
      {
        name: 'all',
        projected: {
          sources: [
            { configMap: { name: 'web' } },
            { downwardAPI: { items: [resource('cpu', 'requests.cpu', '1m')] } },
          ],
        },
      },
    ];
    const file = (path: string, index: number) => ({
      path,
      mode: 0o440,
      fieldRef: { fieldPath: `metadata.annotations['tp/resource-${index}']` },
    });
    assert.deepEqual(downwardFiles(volumes, TARGET), {
      volumes: [
        { name: 'pod', downwardAPI: { defaultMode: 0o400, items: [label, file('memory', 0)] } },
        {
          name: 'all',
          projected: {
            sources: [{ configMap: { name: 'web' } }, { downwardAPI: { items: [file('cpu', 1)] } }],
          },
        },
      ],
      annotations: { 'tp/resource-0': '300', 'tp/resource-1': '15' },
    });
  });

  it('stay where they tell of another container, or of the node’s capacity for a limit that is not set', () => {
    const items = [resource('other', 'limits.memory', '1Mi', 'sidecar'), resource('cpu', 'limits.cpu')];
    const volumes: V1Volume[] = [
      { name: 'pod', downwardAPI: { items } },
      { name: 'plain', emptyDir: {} },
    ];
    assert.deepEqual(downwardFiles(volumes, TARGET), { volumes, annotations: {} });
  });
});
