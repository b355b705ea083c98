import type { Workload } from '../cluster/workload.ts';
import { chooseTarget } from '../cluster/workload.ts';
import { PREFERENCES, type Preference } from '../docker/project-names.ts';
import { TpError } from '../errors.ts';
import type { ComposeProject, ComposeService } from './project.ts';

/** A service of the project that acts as a pod, and of which workload. */
export interface Match {
  service: string;
  /** KIND/NAME. */
  workload: string;
  container: string;
  /** Who answers to a name that the project and the cluster both have. */
  prefer: Preference;
}

/**
 * Which services act as pods: those that are named (`SERVICE` or `SERVICE=KIND/NAME`), else those with `x-tp` in the
 * Compose file, else those whose image a workload runs. Throws TpError with a list where that is not clear.
 */
export function matchServices(
  { services }: Pick<ComposeProject, 'services'>,
  workloads: readonly Workload[],
  named: readonly string[],
): Match[] {
  const wishes =
    named.length > 0 ? named.map((text) => wishOf(text, services)) : unasked(services, workloads);
  const matches = wishes.map((wish) => matchOne(wish, services, workloads));
  for (const [at, { service, workload }] of matches.entries()) {
    const other = matches.findIndex((match) => match.workload === workload);
    if (other === at) continue;
    throw new TpError(
      'TP_COMPOSE_SERVICE',
      `${matches[other]?.service} and ${service} are both ${workload}`,
      {
        hint: `name one of them: tp compose up ${service}`,
      },
    );
  }
  if (matches.length > 0) return matches;
  throw new TpError('TP_COMPOSE_SERVICE', 'no service of this project runs the image of a workload', {
    hint: Object.keys(services)
      .map((service) => `tp compose up ${service}=deployment/NAME`)
      .join('\n'),
  });
}

interface Wish {
  service: string;
  workload: string | undefined;
}

function wishOf(text: string, services: Record<string, ComposeService>): Wish {
  const [service = '', workload] = text.split(/=(.*)/s);
  if (services[service]) return { service, workload };
  throw new TpError('TP_COMPOSE_SERVICE', `there is no service ${service} in this project`, {
    hint: Object.keys(services)
      .map((each) => `tp compose up ${each}`)
      .join('\n'),
  });
}

function unasked(services: Record<string, ComposeService>, workloads: readonly Workload[]): Wish[] {
  const marked = Object.entries(services).filter(([, service]) => service['x-tp']);
  const wishes = marked.length > 0 ? marked : Object.entries(services).filter(runsWorkload(workloads));
  return wishes.map(([service]) => ({ service, workload: undefined }));
}

/** Whether exactly one workload runs the service's image. */
const runsWorkload =
  (workloads: readonly Workload[]) =>
  ([, { image }]: [string, ComposeService]): boolean => {
    if (!image) return false;
    try {
      chooseTarget(workloads, { image });
      return true;
    } catch (error) {
      if (error instanceof TpError) return false; // none, or several: it has to be named
      throw error;
    }
  };

function matchOne(
  { service, workload: named }: Wish,
  services: Record<string, ComposeService>,
  workloads: readonly Workload[],
): Match {
  const { image = '', 'x-tp': marks, scale, deploy, network_mode } = services[service] ?? {};
  const refuse = (why: string, hint: string) =>
    new TpError('TP_COMPOSE_SERVICE', `${service}: ${why}`, { hint });
  if ((scale ?? deploy?.replicas ?? 1) > 1) {
    throw refuse('it is scaled, and one container stands in for a workload', `scale: 1 for ${service}`);
  }
  if (network_mode && network_mode !== 'bridge') {
    throw refuse(`network_mode: ${network_mode}: its network would be the pod's`, 'leave network_mode out');
  }
  const prefer = PREFERENCES.find((each) => each === (marks?.prefer ?? 'compose'));
  if (!prefer)
    throw refuse(
      `x-tp: prefer is ${JSON.stringify(marks?.prefer)}`,
      PREFERENCES.map((each) => `x-tp: {prefer: ${each}}`).join('\n'),
    );
  const workload = named ?? textOf(marks?.workload);
  const container = textOf(marks?.container);
  const target = chooseTarget(workloads, { image, workload, container });
  const { kind, name } = target.workload;
  return { service, workload: `${kind}/${name}`, container: target.container.name, prefer };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
