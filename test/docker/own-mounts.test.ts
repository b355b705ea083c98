import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placeTaken } from '../../src/docker/own-mounts.ts';
import { draft } from './inspect.ts';

const HERE = import.meta.dirname;

const CASES: {
  what: string;
  of: Parameters<typeof draft>[0];
  volumes?: string[];
  path?: string;
  taken: unknown;
}[] = [
  { what: 'nothing', of: {}, taken: undefined },
  { what: '-v at the path', of: { HostConfig: { Binds: ['/src:/etc/web:ro'] } }, taken: 'own' },
  { what: '-v at the path, with a slash', of: { HostConfig: { Binds: ['volume:/etc/web/'] } }, taken: 'own' },
  {
    what: '--mount at the path',
    of: { HostConfig: { Mounts: [{ Type: 'tmpfs', Source: '', Target: '/etc/web' }] } },
    taken: 'own',
  },
  { what: '--tmpfs at the path', of: { HostConfig: { Tmpfs: { '/etc/web': '' } } }, taken: 'own' },
  { what: 'a volume without a name', of: { Config: { Volumes: { '/etc/web': {} } } }, taken: 'own' },
  {
    what: 'a volume of the image',
    of: { Config: { Volumes: { '/etc/web': {} } } },
    volumes: ['/etc/web'],
    taken: undefined,
  },
  {
    what: '-v of a name that only begins so',
    of: { HostConfig: { Binds: ['/src:/etc/we'] } },
    taken: undefined,
  },
  { what: '-v below the path', of: { HostConfig: { Binds: ['/src:/etc/web/own'] } }, taken: undefined },
  {
    what: '-v above, without a directory for it',
    of: { HostConfig: { Binds: ['/src:/etc'] } },
    taken: { missing: '/src/web' },
  },
  {
    what: '-v above, with one',
    of: { HostConfig: { Binds: [`${HERE}/..:/etc`] } },
    path: '/etc/docker',
    taken: undefined,
  },
  { what: 'a volume above', of: { HostConfig: { Binds: ['volume:/etc'] } }, taken: undefined },
];

describe('a mount of the pod and the user’s own', () => {
  for (const { what, of, volumes = [], path = '/etc/web', taken } of CASES) {
    it(what, () => {
      assert.deepEqual(placeTaken({ ...draft(of), imageVolumes: volumes }, path), taken);
    });
  }
});
