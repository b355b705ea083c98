import { channel } from 'node:diagnostics_channel';
import { isatty } from 'node:tty';

/** What tp says while it works: to stderr, as stdout belongs to the user's container. */

const STDIN = 0;

/** Where other programs that people wait for write, too: stdout is the container's. */
export const STDERR = 2;

/** How often a step that waits is drawn again on a terminal (ms). */
const REDRAW_MS = 100;

/** A step that takes less (ms) is not worth a line in a pipe. */
const QUIET_MS = 1_000;

/** For whoever measures: each finished step, with the times (ms) of `performance.now()`. */
export interface FinishedStep {
  name: string;
  begin: number;
  end: number;
}
export const STEP_CHANNEL = 'tp.step';
const finished = channel(STEP_CHANNEL);

/** What a step has done so far is a line of a pipe at most so often (ms). */
const PASSING_MS = 5_000;

/** What one step of the work says while it goes on. */
export interface Step {
  waitingFor(what: string): void;
  /** How far it is: what changes all the time. */
  passing(what: string): void;
}

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #terminal: boolean;
  readonly #colour: boolean;
  readonly #open = new Map<string, { since: number; detail: string }>();
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  #silent = false;
  #lent = 0;
  readonly #inputIsTerminal: boolean;
  #inputIsTaken = false;
  #newline = '\n';

  constructor(
    out: NodeJS.WriteStream = process.stderr,
    env: NodeJS.ProcessEnv = process.env,
    inputIsTerminal = isatty(STDIN),
  ) {
    this.#inputIsTerminal = inputIsTerminal;
    this.#out = out;
    this.#terminal = out.isTTY === true && env.TERM !== 'dumb';
    this.#colour = this.#terminal && !env.NO_COLOR;
  }

  /** A line that stays. */
  say(line: string): void {
    this.#erase();
    this.#out.write(`${this.#paint('36', 'tp')} ${line}${this.#newline}`);
    this.#draw();
  }

  warn(line: string): void {
    this.say(`${this.#paint('33', 'warning:')} ${line}`);
  }

  /** Runs one step of the work; on a terminal it is shown while it waits, in a pipe once it took long enough to matter. */
  async step<T>(name: string, work: (step: Step) => Promise<T>): Promise<T> {
    const entry = { since: performance.now(), detail: '' };
    let passed = entry.since;
    this.#open.set(name, entry);
    this.#timer ??= setInterval(() => this.#redraw(), REDRAW_MS).unref();
    const waitingFor = (text: string) => {
      const what = text.replace(/\p{Cc}+/gu, ' '); // one line, whatever a build or a scheduler says
      if (entry.detail === what) return;
      entry.detail = what;
      if (!this.#terminal && !this.#silent) this.#out.write(`tp ${name}: ${what}\n`);
    };
    const passing = (text: string) => {
      const due = performance.now() - passed >= PASSING_MS;
      if (due) passed = performance.now();
      if (due || this.#terminal) waitingFor(text);
    };
    try {
      const result = await work({ waitingFor, passing });
      const end = performance.now();
      const took = end - entry.since;
      this.#close(name);
      if (finished.hasSubscribers) finished.publish({ name, begin: entry.since, end } satisfies FinishedStep);
      if (this.#terminal || took >= QUIET_MS)
        this.say(`${this.#paint('32', '✓')} ${name} (${seconds(took)})`);
      return result;
    } catch (error) {
      this.#close(name);
      throw error;
    }
  }

  /**
   * The user's container owns the terminal from now on: only whole lines are written, nothing is redrawn.
   * `raw` is whether it has put the terminal into raw mode, where a line needs its carriage return; `input` whether it
   * reads from it.
   */
  yieldTerminal({ raw, input }: { raw: boolean; input: boolean }): void {
    this.#erase();
    this.#silent = true;
    this.#inputIsTaken = input;
    if (raw && this.#out.isTTY) this.#newline = '\r\n';
  }

  /** The container has ended: the terminal is ours again. */
  takeTerminal(): void {
    this.#silent = false;
    this.#inputIsTaken = false;
    this.#newline = '\n';
  }

  /** Whether stdin is a terminal that the container does not read from now. */
  get inputIsFree(): boolean {
    return this.#inputIsTerminal && !this.#inputIsTaken;
  }

  /** Draws nothing while `work` has the terminal: a login plugin's question would be erased. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    this.#erase();
    this.#lent++;
    try {
      return await work();
    } finally {
      this.#lent--;
    }
  }

  #close(name: string): void {
    this.#erase();
    this.#open.delete(name);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #redraw(): void {
    this.#erase();
    this.#draw();
  }

  #draw(): void {
    if (!this.#terminal || this.#silent || this.#lent > 0) return;
    const width = this.#out.columns || 80;
    for (const [name, { since, detail }] of this.#open) {
      const waited = seconds(performance.now() - since);
      const line = `… ${name}${detail ? `: ${detail}` : ''} (${waited})`;
      this.#out.write(`${line.slice(0, width - 1)}\n`);
      this.#drawn++;
    }
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\x1b[${this.#drawn}A\x1b[0J`);
    this.#drawn = 0;
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
