import { Interrupted } from './errors.ts';

/** What asks a session to end: Ctrl-C, and the ways in which a terminal or a supervisor says the same. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a shell gives for a command that SIGINT ended. */
export const INTERRUPTED = 130;

/** The first signal aborts the session, which then restores everything; a second one makes that hurry. */
export class Interrupts {
  readonly #abort = new AbortController();
  readonly #hurry = new AbortController();
  /** What an interrupted session exits with: the container's code, once that has ended as it was asked to. */
  exitCode = INTERRUPTED;
  /** The first signal that came. */
  received: (typeof SIGNALS)[number] | undefined;

  constructor(onSecond: () => void) {
    for (const name of SIGNALS) {
      process.on(name, () => {
        if (this.received === undefined) {
          this.received = name;
          this.#abort.abort(new Interrupted(name));
        } else if (!this.hurry) {
          this.#hurry.abort(new Interrupted(name));
          onSecond();
        }
      });
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Aborts when everything that is only polite is to be left out. */
  get hurrySignal(): AbortSignal {
    return this.#hurry.signal;
  }

  get hurry(): boolean {
    return this.#hurry.signal.aborted;
  }
}
