import type { V1Container, V1EnvVar } from '@kubernetes/client-node';
import { quantityToScalar } from '@kubernetes/client-node/dist/util.js';
import { ENVIRONMENT_PREFIX, type ProxyConfig } from '../../images/proxy/config.ts';

/**
 * The target's `env` under the prefix. References in values are not resolved by the kubelet, for their names have
 * changed, but by the proxy: every `$` is doubled, which the kubelet undoes.
 */
export function cloneEnvironment(target: V1Container): V1EnvVar[] {
  return (target.env ?? []).map((variable) => {
    const name = ENVIRONMENT_PREFIX + variable.name;
    const resource = variable.valueFrom?.resourceFieldRef;
    if (resource && (resource.containerName ?? target.name) === target.name) {
      const literal = resourceValue(target, resource.resource, resource.divisor);
      return literal === undefined ? { name, valueFrom: variable.valueFrom } : { name, value: literal };
    }
    if (variable.valueFrom) return { name, valueFrom: variable.valueFrom };
    return { name, value: (variable.value ?? '').replaceAll('$', '$$$$') };
  });
}

/** What the proxy has to know of the variables: their order, and which may hold references. */
export const environmentOrder = (target: V1Container): ProxyConfig['environment'] =>
  (target.env ?? []).map(({ name, valueFrom }) => ({ name, expand: valueFrom === undefined }));

/**
 * The literal that a resourceFieldRef has in the target, rounded up as the kubelet does. Undefined for a limit that is
 * not set: it is the node's capacity, and the proxy has no limits either.
 */
export function resourceValue(
  target: V1Container,
  resource: string,
  divisor: string | undefined,
): string | undefined {
  const [list, key = ''] = resource.split('.') as ['limits' | 'requests', string];
  const limit = target.resources?.limits?.[key];
  const quantity = list === 'requests' ? (target.resources?.requests?.[key] ?? limit ?? '0') : limit;
  if (quantity === undefined) return undefined;
  // Whole numbers of the smallest unit, as the kubelet counts: thousandths of a CPU, else bytes.
  const smallest = key === 'cpu' ? 1_000 : 1;
  const count = (text: string) =>
    Math.ceil(Number((Number(quantityToScalar(text)) * smallest).toPrecision(15)));
  const unit = divisor === undefined || divisor === '0' ? smallest : count(divisor);
  return `${Math.ceil(count(quantity) / unit)}`;
}
