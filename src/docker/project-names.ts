/** Whose is a name that a container of a Compose project and a Service of the cluster both have. */
export const PREFERENCES = ['compose', 'cluster'] as const;
export type Preference = (typeof PREFERENCES)[number];

/** What a Compose project says of names. */
export interface NameRules {
  /** Names of services beside their own, by service: what `links` gives them. */
  links: Readonly<Record<string, readonly string[]>>;
  prefer: Preference;
  /** Hears of each name that both have, once. */
  onClash(name: string): void;
}

type Table = Record<string, string[]>;

/** The names of a project's containers beside those of the cluster's Services. */
export class ProjectNames {
  readonly #rules: NameRules;
  readonly #services: ReadonlySet<string>;
  readonly #told = new Set<string>();

  /** `services` are those that a pod calls by one word. */
  constructor(rules: NameRules, services: ReadonlySet<string>) {
    this.#rules = rules;
    this.#services = services;
  }

  get links(): NameRules['links'] {
    return this.#rules.links;
  }

  /** The table without the names that the cluster is to answer. */
  settle(names: Table): Table {
    const { prefer, onClash } = this.#rules;
    const clashes = new Set(Object.keys(names).filter((name) => this.#services.has(name)));
    for (const name of clashes) {
      if (this.#told.has(name)) continue;
      this.#told.add(name);
      onClash(name);
    }
    if (prefer === 'compose') return names;
    return Object.fromEntries(Object.entries(names).filter(([name]) => !clashes.has(name)));
  }
}
