import type { ServiceView } from './cluster/services.ts';
import type { Target } from './cluster/workload.ts';
import { TpError } from './errors.ts';
import type { DockerRunFlags } from './flags.ts';

/** Flags that name things of the cluster, against what is there. */

/**
 * The Services that are taken over: those that are by default, and those that `named` says. Throws TpError where one of these is
 * not there.
 */
export function takenServices(services: readonly ServiceView[], named: readonly string[]): ServiceView[] {
  for (const name of named) {
    const service = services.find((each) => each.name === name);
    if (service && service.ports.length > 0) continue;
    const known = services.map((each) => `--service ${each.name}`).join('\n');
    const why = service ? (service.notByDefault ?? '') : 'no such Service selects this workload';
    throw new TpError('TP_NO_SERVICE', `--service ${name}: ${why}`, {
      hint: known || 'kubectl get services',
    });
  }
  return services.filter(({ name, notByDefault }) => named.includes(name) || notByDefault === undefined);
}

/** Throws TpError where a container that is to be left out is none of the pod's, or the service's own. */
export function checkContainers({ workload, container }: Target, flags: DockerRunFlags): void {
  const spec = workload.template.spec;
  const names = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ name }) => name);
  for (const name of flags.withoutContainer) {
    if (names.includes(name) && name !== container.name) continue;
    const others = names
      .filter((each) => each !== container.name)
      .map((each) => `--without-container ${each}`);
    throw new TpError('TP_NO_CONTAINER', `--without-container ${name}: not a sidecar of this pod`, {
      hint: others.join('\n') || 'the pod has no other containers',
    });
  }
}

/** Throws TpError for a label that a Service selects on: a pod without it would leave that Service without any pod. */
export function checkLabels(services: readonly ServiceView[], flags: DockerRunFlags): void {
  for (const key of flags.dropLabel) {
    const service = services.find(({ selects }) => selects.includes(key));
    if (!service) continue;
    throw new TpError('TP_DROP_LABEL', `--drop-label ${key}: Service ${service.name} finds its pods by it`, {
      hint: '--no-inbound to work without its traffic',
    });
  }
}
