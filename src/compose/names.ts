import type { NameRules } from '../docker/project-names.ts';
import type { Progress } from '../progress.ts';
import type { Match } from './match.ts';
import type { ComposeService } from './project.ts';

const WHO: Readonly<Record<Match['prefer'], string>> = {
  compose: "the project's answers; for the cluster's: x-tp: {prefer: cluster}",
  cluster: "the cluster's answers; for the project's: x-tp: {prefer: compose}",
};

/** By which names the service that acts as a pod finds the project's others; what the cluster has too is said. */
export function nameRules(
  { service, prefer }: Pick<Match, 'service' | 'prefer'>,
  { links = [] }: ComposeService,
  progress: Pick<Progress, 'say'>,
): NameRules {
  const names: Record<string, string[]> = {};
  for (const link of links) {
    const [of = '', name = of] = link.split(':');
    names[of] = [...(names[of] ?? []), name];
  }
  return {
    links: names,
    prefer,
    onClash: (name) =>
      progress.say(`${service}: ${name} is in this project and in the cluster: ${WHO[prefer]}`),
  };
}
