import { emptiedVolumes } from './cluster/clone.ts';
import { isNativeSidecar } from './cluster/native-sidecar.ts';
import { copyNote, type VolumeCopy } from './cluster/volume-copies.ts';
import type { Target } from './cluster/workload.ts';
import type { DockerRunFlags } from './flags.ts';
import { sidecarsOf } from './loopback-ports.ts';

/** What is worth knowing of the proxy's pod beside the workload's own, a line each. */
export function cloneNotes(target: Target, flags: DockerRunFlags, copies: readonly VolumeCopy[]): string[] {
  const { initContainers = [] } = target.workload.template.spec ?? {};
  const kept = ({ name }: { name: string }) => !flags.withoutContainer.includes(name);
  const run = initContainers.filter((each) => !isNativeSidecar(each) && !flags.skipInit && kept(each));
  const emptied = emptiedVolumes(target).filter((name) => !copies.some(({ volume }) => volume === name));
  const idle = flags.replace && target.workload.replicas === 0;
  return [
    ...(idle ? [`${target.workload.name} has no replicas: there is nothing to scale`] : []),
    ...run.map(
      ({ name }) => `init container ${name} runs again in the proxy's pod; --skip-init leaves it out`,
    ),
    ...sidecarsOf(target, flags.withoutContainer).map(
      ({ name }) => `sidecar ${name} runs in the proxy's pod; --without-container ${name} leaves it out`,
    ),
    ...copies.map((copy) => copyNote(copy, target)),
    ...emptied.map(
      (name) => `volume ${name} is left out, and empty in the proxy's pod: it belongs to one pod or one node`,
    ),
  ];
}
