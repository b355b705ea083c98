import type { Candidate, Completions, Hint } from './candidate.ts';
import { runQuietly } from './quiet-process.ts';
import { within } from './within.ts';

/** What Docker's client offers for `docker run FLAGS... CURRENT`. */
export type AskDocker = (flags: readonly string[], current: string) => Promise<Completions>;

/** Asks the installed client, as its own completion does. One that is missing, old or slow offers nothing. */
export const askDocker: AskDocker = async (flags, current) => {
  const asked = runQuietly('docker', ['__complete', 'run', ...flags, current]);
  return readAnswer((await within(asked)) ?? '', flags.at(-1) ?? '', current);
};

/** Bits of the last line of an answer (cobra's ShellCompDirective). */
const ERROR = 1;
const NO_SPACE = 2;
const NO_FILES = 4;
const FILES_BY_EXTENSION = 8;
const DIRECTORIES = 16;

/** What a session refuses is not offered. */
const REFUSED_FLAGS: ReadonlySet<string> = new Set(['--detach', '-d', '--restart', '--sig-proxy']);
const REFUSED_NETWORKS = /^(host|none|container:.*)$/;
const NETWORK_FLAG = /^--net(work)?$/;

/** Reads cobra's protocol: `word<TAB>about` on a line each, and last `:DIRECTIVE`. */
export function readAnswer(answer: string, flagBefore: string, current: string): Completions {
  const lines = answer.trimEnd().split('\n');
  const directive = Number(/^:(\d+)$/.exec(lines.pop() ?? '')?.[1] ?? ERROR);
  if (directive & ERROR) return { candidates: [], hints: [] };
  if (directive & DIRECTORIES) return { candidates: [], hints: ['directories'] };
  if (directive & FILES_BY_EXTENSION) return { candidates: [], hints: ['files'] };
  // Of --flag=VALUE the client gives VALUE only.
  const [prefix = ''] = /^-[^=]*=/.exec(current) ?? [];
  const ofNetwork = NETWORK_FLAG.test(prefix ? prefix.slice(0, -1) : flagBefore);
  const candidates = lines
    .map((line): Candidate => {
      const [word = '', about] = line.split('\t');
      return { word, about };
    })
    .filter(({ word }) => word !== '' && !word.startsWith('_activeHelp_') && !word.includes('<none>'))
    .filter(({ word }) => !REFUSED_FLAGS.has(word) && !(ofNetwork && REFUSED_NETWORKS.test(word)))
    .map(({ word, about }) => ({ word: `${prefix}${word}`, about }));
  const hints: Hint[] = [];
  if (candidates.length === 0 && !(directive & NO_FILES)) hints.push('files');
  if (candidates.length > 0 && directive & NO_SPACE) hints.push('nospace');
  return { candidates, hints };
}
