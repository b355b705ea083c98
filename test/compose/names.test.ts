import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nameRules } from '../../src/compose/names.ts';

describe('names within a project', () => {
  it('are those of links too', () => {
    const service = { links: ['cache:store', 'cache', 'mail:post', 'cache:old'] };
    const { links } = nameRules({ service: 'web', prefer: 'compose' }, service, { say() {} });
    assert.deepEqual(links, { cache: ['store', 'cache', 'old'], mail: ['post'] });
  });

  it('that the cluster has too are said, with who answers and how to have it otherwise', () => {
    const said: string[] = [];
    const progress = { say: (line: string) => void said.push(line) };
    nameRules({ service: 'web', prefer: 'compose' }, {}, progress).onClash('orders');
    nameRules({ service: 'jobs', prefer: 'cluster' }, {}, progress).onClash('orders');
    assert.match(said[0] ?? '', /^web: orders is .*the project's answers; .*x-tp: \{prefer: cluster\}$/);
    assert.match(said[1] ?? '', /^jobs: orders is .*the cluster's answers; .*x-tp: \{prefer: compose\}$/);
  });
});
