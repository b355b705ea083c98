import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How each shell is started with a file of settings, and what shows its command line when Ctrl-G is pressed. */
const SHELLS = {
  bash: {
    command: (directory: string) => `bash --noprofile --rcfile ${directory}/bashrc -i`,
    settings: 'bashrc',
    show: `bind -x '"\\C-g": printf "\\n<<%s>>\\n" "$READLINE_LINE"'`,
  },
  zsh: {
    command: (directory: string) => `env ZDOTDIR=${directory} zsh -i`,
    settings: '.zshrc',
    show: `show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey '^G' show; bindkey '^I' complete-word`,
  },
  fish: {
    command: (directory: string) => `fish --no-config -i -C 'source ${directory}/settings.fish'`,
    settings: 'settings.fish',
    show: `bind \\cg 'printf "\\n<<%s>>\\n" (commandline)'`,
  },
} as const;

export type Shell = keyof typeof SHELLS;

/** What a shell does to a Tab, with an answer from the cluster in between, may take this long (ms) on two slow cores. */
const KEY_LIMIT_MS = 15_000;

/** An interactive shell in a terminal of its own, at which somebody types. */
export class Terminal {
  readonly #child: ChildProcess;
  #output = '';
  #look = () => {};

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString('utf8');
      this.#look();
    });
  }

  /** Starts a shell with these lines as its settings, in a directory that is for it alone. */
  static async start(
    shell: Shell,
    directory: string,
    lines: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<Terminal> {
    const { command, settings, show } = SHELLS[shell];
    writeFileSync(join(directory, settings), [...lines, show, 'echo "<<ready>>"', ''].join('\n'));
    const child = spawn('script', ['--quiet', '--flush', '--command', command(directory), '/dev/null'], {
      cwd: directory,
      env: { ...env, TERM: 'xterm', HOME: directory },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const terminal = new Terminal(child);
    await terminal.#shown();
    return terminal;
  }

  /** Types a command line and Tab; gives the command line as it is then. The line is cleared again. */
  async complete(typed: string): Promise<string> {
    this.#output = '';
    this.#child.stdin?.write(`${typed}\t\x07`);
    const line = await this.#shown();
    this.#child.stdin?.write('\x05\x15'); // to the end, and delete all before it
    return line;
  }

  /** All that was written to the terminal since the last line was typed. */
  get screen(): string {
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL'); // its terminal goes with it, and so the shell
    await once(this.#child, 'close');
  }

  async #shown(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = () => reject(new Error(`no command line was shown in:\n${this.#output}`));
    const timer = setTimeout(fail, KEY_LIMIT_MS);
    this.#look = () => {
      const match = /<<(.*?)>>/s.exec(this.#output);
      if (match) resolve(match[1] ?? '');
    };
    this.#look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
