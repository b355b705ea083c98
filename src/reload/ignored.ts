import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative, sep } from 'node:path';
import ignore from 'ignore';

/** Tells whether a path is left out. A directory that is need not be looked into. */
export type IsIgnored = (path: string, isDirectory: boolean) => boolean;

/** What one ignore file says of a path below its directory; undefined where it says nothing. */
type Rules = (below: string) => boolean | undefined;

/** Written by editors while a file is open: Vim's swap files and its test of the directory, Emacs's locks, backups. */
const OF_EDITORS = /^(\..*\.sw[opx]|4913|\.#.*|#.*#|.*~|\.DS_Store)$/;

/**
 * What is left out below `root`, a file or directory that somebody named: `.git`, what editors leave while they work, and
 * what .gitignore and .dockerignore files name, from `top` down to the path. Rules that would leave out `root` itself do
 * not count, for it was asked for. The files are read once. Throws where one cannot be read.
 */
export function ignoredBelow(root: string, top: string): IsIgnored {
  const rules = new Map<string, Rules[]>();
  const rulesOf = (directory: string): Rules[] => {
    const known = rules.get(directory) ?? readRules(directory);
    rules.set(directory, known);
    return known;
  };
  /** By the ignore files of `from` and below it; the deepest that says something decides. */
  const decided = (from: string, path: string, isDirectory: boolean): boolean => {
    let result = false;
    for (const directory of directoriesTo(from, path)) {
      const below = relative(directory, path).split(sep).join('/') + (isDirectory ? '/' : '');
      for (const says of rulesOf(directory)) result = says(below) ?? result;
    }
    return result;
  };
  const from = root !== top && decided(top, root, true) ? root : top;
  return (path, isDirectory) => {
    if (path === root) return false;
    const name = basename(path);
    return name === '.git' || OF_EDITORS.test(name) || decided(from, path, isDirectory);
  };
}

/** The directory from which ignore files count: the repository's, else `from` where `path` is in it, else the path's own. */
export function topOf(path: string, from: string): string {
  for (let directory = path; ; directory = dirname(directory)) {
    if (existsSync(join(directory, '.git'))) return directory;
    if (dirname(directory) === directory) break;
  }
  return isWithin(from, path) ? from : path;
}

/** Whether `path` is `root` or below it. */
export const isWithin = (root: string, path: string): boolean =>
  path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);

/** Every directory from `top` to the one that `path` is in. */
function directoriesTo(top: string, path: string): string[] {
  const found: string[] = [];
  for (let directory = dirname(path); isWithin(top, directory); directory = dirname(directory)) {
    found.unshift(directory);
    if (directory === dirname(directory)) break;
  }
  return found;
}

function readRules(directory: string): Rules[] {
  const text = (name: string) => {
    const path = join(directory, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };
  const [git, docker] = [text('.gitignore'), text('.dockerignore')];
  return [
    ...(git === undefined ? [] : [gitRules(git)]),
    ...(docker === undefined ? [] : [dockerRules(docker)]),
  ];
}

/** As the file system here tells names apart. */
const NAMES = { ignorecase: process.platform !== 'linux' };

function gitRules(text: string): Rules {
  const rules = ignore(NAMES).add(text);
  return (below) => {
    const { ignored, unignored } = rules.test(below);
    return ignored ? true : unignored ? false : undefined;
  };
}

/**
 * The last line that matches a path, or a directory above it, decides; every line is from the root (Docker: "Build
 * context", .dockerignore files). So each line is asked by itself, and the one library knows both kinds of pattern.
 */
function dockerRules(text: string): Rules {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const excepted = line.startsWith('!');
      const pattern = posix.normalize(`/${excepted ? line.slice(1).trim() : line}`).replace(/(?<=.)\/$/, '');
      return { excepted, pattern, rules: ignore({ ignorecase: false }).add(pattern) };
    });
  const exceptions = lines.filter(({ excepted }) => excepted);
  return (below) => {
    const last = lines.findLast(({ rules }) => rules.ignores(below));
    if (!last || last.excepted) return last && false;
    // Docker looks into a directory that is left out where an exception may be in it.
    return !(below.endsWith('/') && exceptions.some(({ pattern }) => mayBeBelow(pattern, below)));
  };
}

/** Whether a pattern may match something in a directory: name by name, as far as both go. */
function mayBeBelow(pattern: string, directory: string): boolean {
  const names = directory.split('/').filter(Boolean);
  for (const [at, part] of pattern.split('/').filter(Boolean).entries()) {
    if (part === '**' || at >= names.length) return true;
    if (
      !ignore({ ignorecase: false })
        .add(`/${part}`)
        .ignores(names[at] ?? '')
    )
      return false;
  }
  return false;
}
