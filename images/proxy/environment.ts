import { ENVIRONMENT_PREFIX, type ProxyConfig, SOURCES_PREFIX } from './config.ts';

/**
 * The environment that a container of the target would have, from the proxy's own: service links as they are, the
 * target's `envFrom` and `env` from under their prefixes. Follows `makeEnvironmentVariables` of the kubelet
 * (pkg/kubelet/kubelet_pods.go): `env` wins over `envFrom`, both over service links, and `$(NAME)` sees what is before.
 */
export function podEnvironment(
  own: NodeJS.ProcessEnv,
  declared: ProxyConfig['environment'],
): Record<string, string> {
  const links = serviceLinks(own);
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(own)) {
    if (key.startsWith(SOURCES_PREFIX) && value !== undefined)
      values[key.slice(SOURCES_PREFIX.length)] = value;
  }
  for (const { name, expand } of declared) {
    const raw = own[ENVIRONMENT_PREFIX + name];
    // An optional reference that leads nowhere leaves no variable; a value from `envFrom` then shows through.
    if (raw === undefined) continue;
    values[name] = expand ? expandReferences(raw, { ...links, ...values }) : raw;
  }
  return { ...links, ...values };
}

/** The variables that the kubelet makes for Services: known by a `*_SERVICE_HOST` beside them. */
function serviceLinks(own: NodeJS.ProcessEnv): Record<string, string> {
  const links: Record<string, string> = {};
  const HOST = '_SERVICE_HOST';
  const services = Object.keys(own).filter(
    (key) => key.endsWith(HOST) && !key.startsWith(ENVIRONMENT_PREFIX) && !key.startsWith(SOURCES_PREFIX),
  );
  for (const service of services.map((key) => key.slice(0, -HOST.length))) {
    for (const [key, value] of Object.entries(own)) {
      const rest = key.startsWith(`${service}_`) ? key.slice(service.length + 1) : '';
      if (/^(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/.test(rest)) {
        links[key] = value ?? '';
      }
    }
  }
  return links;
}

/**
 * Resolves `$(NAME)` as third_party/forked/golang/expansion of Kubernetes does: `$$` is a dollar, an unknown name and
 * an unfinished reference stay as they are.
 */
export function expandReferences(text: string, values: Record<string, string>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name?: string) => {
    if (name === undefined) return '$';
    return Object.hasOwn(values, name) ? (values[name] ?? whole) : whole;
  });
}
