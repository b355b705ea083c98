import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { modelsAsText, required } from '../../bundle-plugins.ts';

const directory = mkdtempSync(join(tmpdir(), 'tp-bundle-'));
after(() => rmSync(directory, { recursive: true }));

/** Bundles a program as the CLI is; gives its file. */
async function bundled(name: string, program: string, plugin: Plugin): Promise<string> {
  const outfile = join(directory, `${name}.mjs`);
  await build({
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    plugins: [plugin],
    stdin: { contents: program, resolveDir: import.meta.dirname },
    outfile,
  });
  return outfile;
}

describe('Node’s HTTP in a bundle', () => {
  it('is there, without the HTTP client that nobody has asked for', async () => {
    const program = `
      import http, { request } from 'node:http';
      import { STATUS_CODES } from 'http';
      const undici = process.moduleLoadList.filter((name) => /undici\\/undici/.test(name));
      console.log(JSON.stringify([typeof request, http.request === request, STATUS_CODES[200], undici]));`;
    const { stdout, stderr } = spawnSync(process.execPath, [await bundled('http', program, required)]);
    assert.equal(`${stdout}`, '["function",true,"OK",[]]\n', `${stderr}`);
  });
});

/** What the serializer of the Kubernetes library makes of an answer, and of an object. */
interface Serializer {
  deserialize(data: unknown, type: string, format: string): unknown;
  serialize(data: unknown, type: string, format: string): unknown;
}

type Field = { name: string; baseName: string; type: string; format: string };
type Models = Record<string, { getAttributeTypeMap?(): readonly Field[] }>;

describe('the Kubernetes library’s models in a bundle', async () => {
  const library = createRequire(import.meta.url).resolve('@kubernetes/client-node');
  const path = join(dirname(library), 'gen/models/ObjectSerializer.js');
  const [models, { ObjectSerializer: whole }, { ObjectSerializer: text }] = (await Promise.all([
    import('@kubernetes/client-node'),
    import(pathToFileURL(path).href),
    bundled('models', `export { ObjectSerializer } from '${path}'`, modelsAsText).then(
      (file) => import(file),
    ),
  ])) as [unknown, { ObjectSerializer: Serializer }, { ObjectSerializer: Serializer }];

  /** An answer with all fields of a type, down to some depth. */
  const answer = (type: string, depth = 3): unknown => {
    if (type === 'Date') return '2026-11-29T05:41:07.123Z';
    const [, inner] = /^(?:Array<|\{ \[key: string\]: )(.*?)(?:;? ?\}|>)$/.exec(type) ?? [];
    if (inner !== undefined)
      return type.startsWith('Array') ? [answer(inner, depth)] : { a: answer(inner, depth) };
    const fields = (models as Models)[type]?.getAttributeTypeMap?.();
    if (!fields) return 'as it is';
    if (depth === 0) return undefined;
    return Object.fromEntries(fields.map((each) => [each.baseName, answer(each.type, depth - 1)]));
  };

  it('read and write everything as the library’s do', () => {
    const names = Object.entries(models as Models).flatMap(([name, { getAttributeTypeMap }]) =>
      getAttributeTypeMap ? [name] : [],
    );
    assert.ok(names.length > 700, `${names.length} models`);
    for (const name of names) {
      const [expected, found] = [whole, text].map((each) => each.deserialize(answer(name), name, ''));
      assert.equal(JSON.stringify(found), JSON.stringify(expected), name);
      const [sent, written] = [whole, text].map((each) => each.serialize(expected, name, ''));
      assert.deepEqual(written, sent, name);
    }
  });

  it('make dates of dates, and leave what they do not know', () => {
    const pod = { metadata: { creationTimestamp: '2026-11-29T05:41:07Z' } };
    const read = text.deserialize(pod, 'V1Pod', '') as { metadata: { creationTimestamp: Date } };
    assert.equal(read.metadata.creationTimestamp.getTime(), Date.parse('2026-11-29T05:41:07Z'));
    assert.equal(text.deserialize(pod, 'V1Nothing', ''), pod);
    assert.equal(text.deserialize(pod, 'toString', ''), pod);
  });
});
