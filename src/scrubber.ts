/** Takes secrets out of what is passed on: values that are known, and what looks like one. */

const REMOVED = '[removed]';

/** A value shorter than this (characters) is no secret that could be found: it stands in words and numbers everywhere. */
const MIN_SECRET = 6;

/** What is secret by its form, whoever wrote it. */
const FORMS: readonly [form: RegExp, instead: string][] = [
  [/-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|$)/g, REMOVED],
  [/\beyJ[\w-]{10,}(\.[\w-]+){1,2}/g, REMOVED], // a token of a service account, or of an OIDC provider
  [/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REMOVED}`],
  [/(\w:\/\/)[^\s/@]+@/g, `$1${REMOVED}@`], // user and password of a URL
  [
    /\b([\w.-]*(?:password|passwd|secret|token|api-?key|client-key|certificate)[\w.-]*["']?\s*[=:]\s*["']?)[^\s"',;]+/gi,
    `$1${REMOVED}`,
  ],
];

/** An address and a port of the cluster, as pods get them of every Service in their environment. */
const ADDRESS = /^(\w+:\/\/)?\d+\.\d+\.\d+\.\d+(:\d+)?$/;

export class Scrubber {
  readonly #secrets: readonly string[];

  /** `keep` are names that are passed on although a variable has them as its value. */
  constructor(secrets: Iterable<string>, keep: Iterable<string> = []) {
    const kept = new Set(keep);
    const known = [...secrets].filter((value) => !kept.has(value) && !ADDRESS.test(value)).flatMap(shapesOf);
    // The longest first: a part of one is not to be taken out of its midst.
    this.#secrets = [...new Set(known)]
      .filter((value) => value.length >= MIN_SECRET && !kept.has(value))
      .sort((a, b) => b.length - a.length);
  }

  text(text: string): string {
    let rest = text;
    for (const secret of this.#secrets) rest = rest.replaceAll(secret, REMOVED);
    for (const [form, instead] of FORMS) rest = rest.replace(form, instead);
    return rest;
  }

  /** The same in all strings of a value, before it is written as JSON with its escapes. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((each) => this.value(each));
    if (typeof value !== 'object' || value === null || value instanceof Date) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [this.text(key), this.value(each)]));
  }
}

/** A secret as it is, line by line, and in the forms in which it travels. */
function shapesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  const base64 = Buffer.from(secret).toString('base64');
  // Padding depends on what follows it.
  return [secret, ...lines, base64, base64.replace(/.?=*$/, ''), encodeURIComponent(secret)];
}

/** Variables that every image has; their values are names of programs and versions. */
const OF_IMAGES: ReadonlySet<string> = new Set([
  'HOME',
  'HOSTNAME',
  'LANG',
  'NODE_VERSION',
  'PATH',
  'PWD',
  'TERM',
  'YARN_VERSION',
]);

/** The values of variables, as `NAME=VALUE`. */
export const valuesOf = (environment: readonly string[]): string[] =>
  environment.flatMap((line) => {
    const [name = ''] = line.split('=', 1);
    return OF_IMAGES.has(name) || !line.includes('=') ? [] : [line.slice(name.length + 1)];
  });
