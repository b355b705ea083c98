/** Something that may stand at the cursor, and what it is. */
export interface Candidate {
  word: string;
  about?: string | undefined;
}

/** What a shell does besides offering candidates: complete names of files, or set no space behind a word. */
export type Hint = 'files' | 'directories' | 'nospace';

export interface Completions {
  candidates: Candidate[];
  hints: Hint[];
}

export const nothing: Completions = { candidates: [], hints: [] };

/** A terminal would obey what a kubeconfig, an image's name or a server hides in a text. */
const CONTROL = /\p{Cc}/u;
const CONTROLS = /\p{Cc}+/gu;

/** What the shells' scripts read: `word<TAB>about` on a line each, and last the hints as `:files`. */
export function asText({ candidates, hints }: Completions): string {
  const lines = new Map<string, string>();
  for (const { word, about } of candidates) {
    if (word === '' || CONTROL.test(word) || lines.has(word)) continue;
    lines.set(word, about ? `${word}\t${about.replace(CONTROLS, ' ')}` : word);
  }
  return [...lines.values(), ...hints.map((hint) => `:${hint}`)].map((line) => `${line}\n`).join('');
}
