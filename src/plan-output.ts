import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { podPortText } from '../images/pod-port.ts';
import { GUARDIAN_ASSET } from './assets.ts';
import { guardianObjects, leaseOf, type Replaced, toZero } from './cluster/guardian-objects.ts';
import { evictPatch, takePatch } from './cluster/takeover.ts';
import type { SessionPlan } from './plan.ts';
import { portText } from './port-text.ts';

/** The plan for a person. */
export function describePlan(plan: SessionPlan, place: { context: string; namespace: string }): string[] {
  const lines = [`context ${place.context}, namespace ${place.namespace}`];
  lines.push(
    plan.workload ? `${plan.image} stands in for ${plan.workload}` : `${plan.image} runs in a pod of its own`,
  );
  const { replaced } = plan;
  if (replaced)
    lines.push(`${plan.workload} is scaled from ${replaced.replicas} to 0 until the session ends`);
  for (const { pod, process, protocol } of plan.ports) {
    lines.push(`port ${portText(pod, protocol)} of the pod is answered by port ${process} of the process`);
  }
  for (const port of plan.toPod) lines.push(`127.0.0.1:${podPortText(port)} leads to the pod's sidecars`);
  for (const port of plan.fromPod)
    lines.push(`127.0.0.1:${podPortText(port)} of the pod leads to the process, for its sidecars`);
  for (const { name, ports } of plan.services) {
    const list = ports.map(({ port, pod, protocol }) => `${portText(port, protocol)} -> ${pod}`).join(', ');
    lines.push(`Service ${name} (${list}) is switched when the process listens`);
  }
  if (plan.ports.length > 0) {
    lines.push(
      plan.fallback ? 'the original pods answer whenever this does not' : 'nobody answers when this does not',
    );
  }
  return [...lines, ...plan.notes];
}

/** The exact objects and patches, as YAML documents. */
export function planAsYaml(plan: SessionPlan): string {
  const { configMap, shadow, deployment } = plan.objects;
  const patches = plan.services.map(({ name, heldBy }) => ({
    patch: `service/${name}`,
    ...(heldBy === undefined
      ? { merge: takePatch(plan.session) }
      : { json: evictPatch(heldBy, plan.session) }),
  }));
  return [configMap, shadow, deployment, ...replacement(plan.replaced), ...patches]
    .filter((each) => each !== undefined)
    .map((each) => stringify(each, { lineWidth: 0 }))
    .join('---\n');
}

/** What `--replace` adds. The guardian's program is its own ConfigMap's, as the proxy's is. */
function replacement(replaced: Replaced | undefined): object[] {
  if (!replaced) return [];
  const objects = guardianObjects(replaced, readFileSync(GUARDIAN_ASSET, 'utf8'), undefined);
  const scale = { patch: `${replaced.kind}/${replaced.workload}/scale`, json: toZero(replaced) };
  return [leaseOf(replaced), ...Object.values(objects), scale];
}
