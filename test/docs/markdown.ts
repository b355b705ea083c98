import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The project's pages, and what can be asked of one. Paths are relative to the project's root. */

export const ROOT = join(import.meta.dirname, '..', '..');

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Files of the project that match, without what was installed, built or fetched. */
export const files = (pattern: string): string[] =>
  globSync(pattern, { cwd: ROOT, exclude: (path) => /(^|\/)(node_modules|dist|\.git)$/.test(path) }).sort();

/** The bodies of the fenced code blocks in a language. */
export const codeBlocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1] ?? '');

const withoutCode = (text: string): string => text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');

/** The targets of the links to other pages and files, with their anchors. */
export const relativeLinks = (text: string): string[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));

/** The anchors that GitHub makes of the headings. */
export const anchors = (text: string): string[] =>
  [...text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** The npm scripts that a text names. */
export const npmScripts = (text: string): string[] =>
  [...text.matchAll(/\bnpm (?:run (?:-- )?([\w:]+)|(test)\b)/g)].map(
    ([, script, test]) => script ?? test ?? '',
  );
