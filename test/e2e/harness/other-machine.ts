import { once } from 'node:events';
import { CLI, Tp } from './tp.ts';

/** The same machine under another name, which makes it another one to tp. Needs root. */

const NAME = 'tp-e2e-desk';

const machine = ['unshare', '--uts', 'sh', '-c', `hostname ${NAME} && exec "$@"`, 'sh'];
const program = [...machine, process.execPath, '--', CLI];

/** What is only there if it is said so: by themselves two machines share neither Docker nor a runtime directory. */
const OWN_PLACES = { DOCKER_HOST: 'unix:///tp-e2e/nowhere.sock', XDG_RUNTIME_DIR: '/tp-e2e/nowhere' };

export const otherMachine = {
  name: NAME,
  /** For a command that is run there without Docker: what is put before it, and its environment. */
  place: { machine, env: OWN_PLACES },

  /** Runs a tp command there to its end, without Docker. */
  async tp(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const command = new Tp(args, { program, env: OWN_PLACES });
    const [code] = (await once(command.child, 'close')) as [number];
    return { code, stdout: command.stdout, stderr: command.stderr };
  },

  /** Starts a session there, on this machine's Docker, and waits until it says so. */
  async session(args: readonly string[], until: RegExp): Promise<Tp> {
    const tp = new Tp(['docker-run', ...args], { program });
    await tp.says(until);
    await tp.says(/ready: context/);
    return tp;
  },
};
