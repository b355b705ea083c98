import type { Cluster } from '../cluster/client.ts';
import { enforcedLevel, proxyViolations } from '../cluster/pod-security.ts';
import { listWorkloads, type Workload } from '../cluster/workload.ts';
import { type Found, failure, ok, skipped, warning } from './finding.ts';

/** Whether the namespace's PodSecurity level would let the proxy's pods be made. Throws TpError. */
export async function examinePodSecurity(cluster: Cluster, named: string | undefined): Promise<Found[]> {
  const { namespace } = cluster;
  const level = await enforcedLevel(cluster);
  if (level === undefined) {
    const why = `this login may not read namespace ${namespace}, so its level is not known`;
    return [skipped(`${why}; the proxy itself passes "restricted"`)];
  }
  const says = `namespace ${namespace} enforces "${level}"`;
  const all = await listWorkloads(cluster);
  const refused = all.flatMap((workload) => {
    const violations = proxyViolations(workload, level) ?? [];
    return violations.length > 0 ? [{ workload, violations }] : [];
  });
  if (refused.length === 0)
    return [ok(`${says}: the proxy's pod passes, for each of ${all.length} workloads`)];
  return refused.map(({ workload, violations }) => {
    const name = nameOf(workload);
    const line = `${says}, and would refuse the proxy's pod of ${name}: ${violations.join('; ')}`;
    return (name === named ? failure : warning)(line, fixFor(name, violations));
  });
}

const nameOf = ({ kind, name }: Workload): string => `${kind}/${name}`;

function fixFor(workload: string, violations: readonly string[]): string {
  const containers = violations.flatMap((line) => /^container ([^:]+):/.exec(line)?.[1] ?? []);
  const flags = containers.map((name) => ` --without-container ${name}`).join('');
  return flags === ''
    ? `kubectl get ${workload} -o yaml    # its pods have this, or are refused as well`
    : `--workload ${workload}${flags}`;
}
