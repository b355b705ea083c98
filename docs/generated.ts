import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Option } from 'commander';
import { CONFIG_SCHEMA } from '../src/config-schema.ts';
import { ERROR_GROUPS, OWN_FAILURE } from '../src/error-codes.ts';
import { DOCKER_RUN_FLAGS } from '../src/flags.ts';
import { STATUS_SCHEMA } from '../src/status/schema.ts';
import { type ParityRow, table as parityTable } from '../test/e2e/parity/report.ts';
import { type Row, table } from '../test/faults/report.ts';

/** The pages and parts of pages that are made from declarations of the code: path and text of each. */

const ROOT = join(import.meta.dirname, '..');

/** What the parity test saw last. */
const PARITY = join(ROOT, 'test', 'e2e', 'parity', 'results.json');
/** What `npm run test:faults` saw last. */
const FAULTS = join(ROOT, 'test', 'faults', 'results.json');

const cell = (text: string) => text.replaceAll('|', '\\|');

function errorsPage(): string {
  const groups = Object.entries(ERROR_GROUPS).map(([title, codes]) => {
    const rows = Object.entries(codes).map(
      ([code, { means, fix, exit = OWN_FAILURE }]) =>
        `| \`${code}\` | ${exit} | ${cell(means)} | ${cell(fix)} |`,
    );
    return [`## ${title}`, '', '| Code | Exit | It means | Do |', '|---|---|---|---|', ...rows, ''].join(
      '\n',
    );
  });
  return `# Errors

<!-- made by \`npm run docs\` from src/error-codes.ts -->

An expected error is one line that ends with its code, and lines to paste below it. Codes are stable: scripts and searches
may rely on them. What has no code is in [troubleshooting.md](troubleshooting.md).

${groups.join('\n')}`;
}

const flagRow = ({ flags, description }: Option) => `| \`${flags}\` | ${cell(description)} |`;

/** A table of the bench, as it was committed. */
const measured = (file: string) => readFileSync(join(ROOT, 'bench', 'results', file), 'utf8').trimEnd();

const parts: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  'README.md': {
    bench: () => measured('latest.md'),
    reload: () => measured('reload.md'),
    flags: () => ['| Flag | |', '|---|---|', ...DOCKER_RUN_FLAGS.map(flagRow)].join('\n'),
  },
  'docs/bench.md': {
    tables: () => measured('tables.md'),
    memory: () => measured('memory.md'),
  },
  'docs/parity.md': {
    parity: () => parityTable(JSON.parse(readFileSync(PARITY, 'utf8')) as ParityRow[]),
  },
  'docs/faults.md': {
    faults: () => table(JSON.parse(readFileSync(FAULTS, 'utf8')) as Row[]),
  },
  'docs/configuration.md': {
    keys: () =>
      [
        '| Key | Type | |',
        '|---|---|---|',
        ...Object.entries(CONFIG_SCHEMA.properties).map(([key, property]) => {
          const { type, description } = property as { type: string | string[]; description: string };
          return `| \`${key}\` | ${[type].flat().join(' or ')} | ${cell(description)} |`;
        }),
      ].join('\n'),
  },
};

/** Replaces what stands between `<!-- NAME:begin -->` and its end. Throws where the page has no such place. */
function replacePart(page: string, name: string, content: string): string {
  const place = new RegExp(`(<!-- ${name}:begin -->\\n)[^]*?(<!-- ${name}:end -->)`);
  if (!place.test(page)) throw new Error(`no place for ${name}`);
  return page.replace(place, (_whole, begin: string, end: string) => `${begin}${content}\n${end}`);
}

/** Every generated file, whole. */
export function generated(): Map<string, string> {
  const files = new Map([
    [join(ROOT, 'docs/errors.md'), errorsPage()],
    [join(ROOT, 'docs/tp.schema.json'), `${JSON.stringify(CONFIG_SCHEMA, undefined, 2)}\n`],
    [join(ROOT, 'docs/status.schema.json'), `${JSON.stringify(STATUS_SCHEMA, undefined, 2)}\n`],
  ]);
  for (const [path, places] of Object.entries(parts)) {
    let page = readFileSync(join(ROOT, path), 'utf8');
    for (const [name, make] of Object.entries(places)) page = replacePart(page, name, make());
    files.set(join(ROOT, path), page);
  }
  return files;
}
