import { TpError } from './errors.ts';

/**
 * Flags and commands of peers that people know, with what does the same here. Those that Docker or tp has too are not
 * listed: they mean what they mean there. (Telepresence 1: telepresence/cli.py; Telepresence 2: docs, "telepresence
 * intercept"; mirrord: docs, "mirrord exec".)
 */

const TELEPRESENCE = 'Telepresence';
const MIRRORD = 'mirrord';

interface Foreign {
  tool: typeof TELEPRESENCE | typeof MIRRORD;
  /** What to write instead, ready to paste, or why nothing is needed. */
  ours: string;
}

const telepresence = (ours: string): Foreign => ({ tool: TELEPRESENCE, ours });
const mirrord = (ours: string): Foreign => ({ tool: MIRRORD, ours });

const NOTHING = 'leave it out: ';
const DOCKER_RUN = 'tp docker-run [FLAGS] IMAGE [COMMAND] [ARG...]';

export const FOREIGN_FLAGS: ReadonlyMap<string, Foreign> = new Map([
  ['--swap-deployment', telepresence('--workload deployment/NAME, or nothing: it is found by the image')],
  ['--deployment', telepresence('--workload deployment/NAME, or nothing: it is found by the image')],
  ['--new-deployment', telepresence('--no-workload')],
  ['--docker-run', telepresence(DOCKER_RUN)],
  ['--docker-build', telepresence('docker build -t IMAGE . && tp docker-run IMAGE')],
  ['--docker-mount', telepresence(`${NOTHING}-v mounts what the container needs`)],
  ['--run', telepresence(DOCKER_RUN)],
  ['--run-shell', telepresence('tp docker-run -it IMAGE sh')],
  ['--method', telepresence(`${NOTHING}there is one way, a container`)],
  ['--also-proxy', telepresence(`${NOTHING}every address is reached through the cluster`)],
  ['--never-proxy', telepresence('--local-cidr RANGE')],
  ['--proxy-via', telepresence(`${NOTHING}every address is reached through the cluster`)],
  ['--env-json', telepresence(`${NOTHING}the container has the pod's environment`)],
  ['--env-syntax', telepresence(`${NOTHING}the container has the pod's environment`)],
  ['--local-only', telepresence('--no-inbound')],
  ['--manager-namespace', telepresence(`${NOTHING}nothing is installed in the cluster`)],
  ['--mapped-namespaces', telepresence('--namespace NAME')],
  ['--target', mirrord('--workload deployment/NAME, or nothing: it is found by the image')],
  ['--target-namespace', mirrord('--namespace NAME')],
  ['--steal', mirrord(`${NOTHING}the Service leads here`)],
  ['--tcp-steal', mirrord(`${NOTHING}the Service leads here`)],
  ['--fs-mode', mirrord(`${NOTHING}the container has its own files; -v mounts others`)],
  ['--config-file', mirrord('a file tp.yaml in this directory')],
  ['--no-outbound', mirrord('docker run: without outbound traffic nothing of the cluster is needed')],
  ['--override-env-vars-include', mirrord(`${NOTHING}-e sets what is to differ`)],
  ['--override-env-vars-exclude', mirrord('-e NAME=VALUE for what is to differ')],
  ['--agent-image', mirrord('--proxy-image IMAGE')],
]);

export const FOREIGN_COMMANDS: ReadonlyMap<string, Foreign> = new Map([
  ['connect', telepresence(DOCKER_RUN)],
  ['intercept', telepresence(DOCKER_RUN)],
  ['replace', telepresence(DOCKER_RUN)],
  ['ingest', telepresence('tp docker-run --no-inbound IMAGE')],
  ['quit', telepresence('tp leave')],
  ['uninstall', telepresence('tp leave: nothing is installed in the cluster')],
  ['helm', telepresence(`nothing is installed in the cluster: ${DOCKER_RUN}`)],
  ['list', telepresence('tp docker-run --dry-run IMAGE')],
  ['exec', mirrord(DOCKER_RUN)],
  ['operator', mirrord(`nothing is installed in the cluster: ${DOCKER_RUN}`)],
  ['ls', mirrord('tp docker-run --dry-run IMAGE')],
]);

/** Refuses the first word that is a flag of a peer. Throws TpError that names ours. */
export function refuseForeignFlags(flags: readonly string[]): void {
  for (const word of flags) {
    const [name = ''] = word.split('=', 1);
    const foreign = FOREIGN_FLAGS.get(name);
    if (foreign) throw refusal(name, 'flag', foreign);
  }
}

/** Refuses a command of a peer. Throws TpError that names ours. */
export function refuseForeignCommand(name: string): void {
  const foreign = FOREIGN_COMMANDS.get(name);
  if (foreign) throw refusal(name, 'command', foreign);
}

const refusal = (name: string, what: string, { tool, ours }: Foreign) =>
  new TpError('TP_FOREIGN_FLAG', `${name} is a ${what} of ${tool}`, { hint: ours });
