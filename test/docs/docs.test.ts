/** The pages say what the code does, where that can be compared. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { generated } from '../../docs/generated.ts';
import { POD_ADDRESSES_VARIABLE } from '../../images/proxy/config.ts';
import { REPLACE_RIGHTS, RIGHTS, STRAIGHT_RIGHTS } from '../../src/cluster/role.ts';
import { ERROR_GROUPS } from '../../src/error-codes.ts';
import { DOCKER_RUN_FLAGS } from '../../src/flags.ts';
import { anchors, codeBlocks, files, npmScripts, ROOT, read, relativeLinks } from './markdown.ts';

const README = read('README.md');
const PAGES = files('**/*.md');

/** Scripts of the project, and of the example that the pages tell of. */
const SCRIPTS = new Set(
  ['package.json', 'examples/servicename/package.json'].flatMap((path) =>
    Object.keys((JSON.parse(read(path)) as { scripts: Record<string, string> }).scripts),
  ),
);

/** Words that look like error codes and are names of variables. */
const NO_CODES: ReadonlySet<string> = new Set([POD_ADDRESSES_VARIABLE]);

describe('what is made from declarations', () => {
  for (const [path, text] of generated()) {
    it(`is up to date: ${path.slice(ROOT.length + 1)}`, () =>
      assert.equal(readFileSync(path, 'utf8'), text, 'npm run docs'));
  }
});

describe('error codes', () => {
  const inCode = new Set(
    [...files('src/**/*.ts'), ...files('images/**/*.ts')]
      .filter((path) => path !== 'src/error-codes.ts')
      .flatMap((path) => [...read(path).matchAll(/'(TP_[A-Z_]+)'/g)].map((match) => match[1] ?? ''))
      .filter((code) => !NO_CODES.has(code)),
  );
  const explained = Object.values(ERROR_GROUPS).flatMap((codes) => Object.keys(codes));

  it('are all used, and each is explained once', () => {
    assert.ok(inCode.size > 0);
    assert.deepEqual(explained.toSorted(), [...inCode].sort());
  });

  it('are each shown by a test', () => {
    const tests = files('test/**/*.test.ts').map(read).join('\n');
    assert.deepEqual(
      explained.filter((code) => !new RegExp(`\\b${code}\\b`).test(tests)),
      [],
    );
  });

  it('that a page names do exist', () => {
    for (const page of PAGES) {
      const named = [...read(page).matchAll(/`(TP_[A-Z_]+)`/g)].map((match) => match[1] ?? '');
      for (const code of named)
        assert.ok(inCode.has(code) || code === 'TP_TEST_KUBECONFIG', `${page}: ${code}`);
    }
  });
});

describe('the Role', () => {
  interface Rule {
    apiGroups: string[];
    resources: string[];
    verbs: string[];
  }
  const blocks = codeBlocks(read('docs/rights.md'), 'yaml');
  const roles = parseAllDocuments(blocks.join('---\n')).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string }; rules: Rule[] },
  );

  it('has the rights that the preflight asks for, no more and no less', () => {
    const rulesOf = (rights: typeof RIGHTS) =>
      rights.map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }));
    assert.deepEqual([roles.length, roles[0]?.kind, roles[2]?.kind], [3, 'Role', 'Role']);
    assert.deepEqual(roles[0]?.rules, rulesOf([...RIGHTS, ...STRAIGHT_RIGHTS]));
    assert.deepEqual(roles[2]?.rules, rulesOf(REPLACE_RIGHTS));
  });

  it('for the advice only reads, and only what is read where it may be', () => {
    const source = ['preflight', 'endpoint', 'room', 'session-objects', 'pod-security', 'other-workloads']
      .map((name) => read(`src/cluster/${name}.ts`))
      .join('\n');
    const reads = new Set(
      [
        ...source.matchAll(
          /(?:readable\(\w+|discovery|ifAllowed\('[^']*', core|list\('\w+', (?:apps|batch))\.(\w+)\(/g,
        ),
      ]
        .map((match) => match[1]?.toLowerCase())
        .filter((name) => name !== 'listnamespacedreplicaset'), // of the first Role
    );
    const granted = (roles[1]?.rules ?? []).map(({ resources, verbs }) => {
      const [plural = ''] = resources;
      const [verb = ''] = verbs;
      assert.deepEqual([resources.length, verbs.length], [1, 1]);
      return `${verb === 'get' ? 'read' : 'listnamespaced'}${plural.replace(/s$/, '')}`;
    });
    assert.deepEqual(granted.toSorted(), [...reads].sort());
  });
});

describe('the README', () => {
  it('has each flag as it is declared', () => {
    const [, table = ''] = /<!-- flags:begin -->\n(.*?)<!-- flags:end -->/s.exec(README) ?? [];
    const rows = DOCKER_RUN_FLAGS.map(({ flags, description }) => `| \`${flags}\` | ${description} |`);
    assert.deepEqual(table.trimEnd().split('\n').slice(2), rows);
  });

  it('has the place for what was measured', () => {
    assert.match(README, /<!-- bench:begin -->\n.*<!-- bench:end -->/s);
  });

  it('leads to every page', () => {
    const linked = relativeLinks(README).map((target) => normalize(target.replace(/#.*/, '')));
    for (const page of files('docs/*.md')) assert.ok(linked.includes(page), page);
    const decisions = relativeLinks(read('docs/adr/README.md')).map((target) => join('docs/adr', target));
    assert.deepEqual(decisions, files('docs/adr/0*.md'));
  });
});

for (const page of PAGES) {
  describe(page, () => {
    const text = read(page);

    it('has links that lead somewhere', () => {
      for (const link of relativeLinks(text)) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        assert.ok(existsSync(join(ROOT, target)), link);
        if (anchor !== undefined) assert.ok(anchors(read(target)).includes(anchor), link);
      }
    });

    it('names npm scripts that exist', () => {
      for (const script of npmScripts(text)) assert.ok(SCRIPTS.has(script), script);
    });
  });
}
