import { Interrupted } from './errors.ts';

/** What asks a session to end: Ctrl-C, and the ways in which a terminal or a supervisor says the same. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first signal aborts the session, which then restores everything; a second one makes that hurry. */
export class Interrupts {
  readonly #abort = new AbortController();
  #count = 0;

  constructor(onSecond: () => void) {
    for (const name of SIGNALS) {
      process.on(name, () => {
        this.#count++;
        if (this.#count === 1) this.#abort.abort(new Interrupted(name));
        else if (this.#count === 2) onSecond();
      });
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether to leave out everything that is only polite. */
  get hurry(): boolean {
    return this.#count > 1;
  }
}
