import type { V1Container, V1EnvVar } from '@kubernetes/client-node';

/** What a container's environment is made from, beside its own declaration. */
export interface Surroundings {
  configMaps: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Services with a ClusterIP, each with its ports. */
  services: readonly {
    name: string;
    ip: string;
    ports: readonly { port: number; name?: string; protocol?: string }[];
  }[];
}

/**
 * The environment that the kubelet gives a container: a transcript of `makeEnvironmentVariables`
 * (pkg/kubelet/kubelet_pods.go of Kubernetes 1.34), as far as ConfigMaps and Service links.
 */
export function kubeletEnvironment(
  container: V1Container,
  { configMaps, services }: Surroundings,
): Record<string, string> {
  const links = serviceVariables(services);
  const result: Record<string, string> = {};
  for (const { configMapRef, prefix = '' } of container.envFrom ?? []) {
    for (const [key, value] of Object.entries(configMaps[configMapRef?.name ?? ''] ?? {}))
      result[prefix + key] = value;
  }
  const mapping = (name: string): string => {
    if (Object.hasOwn(result, name)) return result[name] ?? '';
    return Object.hasOwn(links, name) ? (links[name] ?? '') : `$(${name})`;
  };
  for (const variable of container.env ?? []) {
    const value = variable.value ? expand(variable.value, mapping) : resolved(variable, configMaps);
    if (value !== undefined) result[variable.name] = value;
  }
  return { ...links, ...result };
}

/** The value of a reference; undefined for an optional one that leads nowhere. */
function resolved(
  { value = '', valueFrom }: V1EnvVar,
  configMaps: Surroundings['configMaps'],
): string | undefined {
  const reference = valueFrom?.configMapKeyRef;
  if (!reference) return value;
  const found = configMaps[reference.name ?? '']?.[reference.key];
  if (found === undefined && !reference.optional) throw new Error(`no key ${reference.key}`);
  return found;
}

/** `Expand` of third_party/forked/golang/expansion, byte for byte. */
export function expand(text: string, mapping: (name: string) => string): string {
  const input = Buffer.from(text);
  const out: Buffer[] = [];
  let checkpoint = 0;
  for (let cursor = 0; cursor < input.length; cursor++) {
    if (input[cursor] !== DOLLAR || cursor + 1 >= input.length) continue;
    out.push(input.subarray(checkpoint, cursor));
    const { read, isVariable, advance } = tryReadVariableName(input.subarray(cursor + 1));
    out.push(isVariable ? Buffer.from(mapping(read.toString())) : read);
    cursor += advance;
    checkpoint = cursor + 1;
  }
  return Buffer.concat([...out, input.subarray(checkpoint)]).toString();
}

const [DOLLAR, OPENER, CLOSER] = [0x24, 0x28, 0x29];

function tryReadVariableName(input: Buffer): { read: Buffer; isVariable: boolean; advance: number } {
  if (input[0] === DOLLAR) return { read: Buffer.from('$'), isVariable: false, advance: 1 };
  if (input[0] === OPENER) {
    const end = input.indexOf(CLOSER);
    if (end > 0) return { read: input.subarray(1, end), isVariable: true, advance: end + 1 };
    return { read: Buffer.from('$('), isVariable: false, advance: 1 };
  }
  const [first = ''] = input.toString(); // one character, whatever its length in bytes
  return { read: Buffer.from(`$${first}`), isVariable: false, advance: Buffer.byteLength(first) };
}

/** `FromServices` of pkg/kubelet/envvars. */
function serviceVariables(services: Surroundings['services']): Record<string, string> {
  const result: Record<string, string> = {};
  const upper = (name: string) => name.replaceAll('-', '_').toUpperCase();
  for (const { name, ip, ports } of services) {
    const prefix = upper(name);
    result[`${prefix}_SERVICE_HOST`] = ip;
    ports.forEach(({ port, name: portName, protocol = 'TCP' }, index) => {
      if (index === 0) result[`${prefix}_SERVICE_PORT`] = `${port}`;
      if (portName) result[`${prefix}_SERVICE_PORT_${upper(portName)}`] = `${port}`;
      const address = `${protocol.toLowerCase()}://${ip}:${port}`;
      if (index === 0) result[`${prefix}_PORT`] = address;
      const portPrefix = `${prefix}_PORT_${port}_${protocol}`;
      result[portPrefix] = address;
      result[`${portPrefix}_PROTO`] = protocol.toLowerCase();
      result[`${portPrefix}_PORT`] = `${port}`;
      result[`${portPrefix}_ADDR`] = ip;
    });
  }
  return result;
}
