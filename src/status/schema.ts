/** The schema of `tp status -o json`. JSON Schema, draft 2020-12; docs/status.schema.json is made from this. */

const text = (description: string) => ({ description, type: 'string' });
const count = (description: string) => ({ description, type: 'integer', minimum: 0 });
const time = (description: string) => ({ description, type: 'string', format: 'date-time' });
const port = (description: string) => ({ description, type: 'integer', minimum: 1, maximum: 65_535 });

const protocol = { description: 'left out for TCP', enum: ['UDP'] };

/** An object with these properties and no others; those that may be missing are named. */
const object = (properties: Record<string, object>, optional: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

const listOf = (description: string, items: object) => ({ description, type: 'array', items });

const service = object(
  {
    name: text("the Service's name"),
    ports: listOf(
      'its ports',
      object(
        {
          port: port("the Service's"),
          pod: { description: "the pod's, by number or by name", type: ['integer', 'string'] },
          protocol,
        },
        ['protocol'],
      ),
    ),
    switched: { description: 'whether it leads to the session now', type: 'boolean' },
  },
  ['switched'],
);

const link = object(
  {
    state: {
      description:
        'connected; silent: connected, but not heard for some seconds; connecting: cut, and kept for a minute; gone: nobody is connected, the original pods answer',
      enum: ['connected', 'silent', 'connecting', 'gone', 'unknown'],
    },
    since: time('since when it is so'),
    roundTripMs: { description: "the last heartbeat's (ms)", type: 'number', minimum: 0 },
    sentBytes: count('bytes from the laptop to the pod, of all links'),
    receivedBytes: count('bytes from the pod to the laptop, of all links'),
    reconnects: count('links after the first'),
    streams: count('connections that are open in the tunnel'),
  },
  ['since', 'roundTripMs', 'sentBytes', 'receivedBytes', 'reconnects', 'streams'],
);

const podPort = object({
  port: port('its number'),
  protocol: { description: 'its kind', enum: ['tcp', 'udp'] },
});

const session = object(
  {
    session: text("the session's id, as `tp leave` takes it"),
    process: {
      description:
        'running: it has answered; silent: it lives and does not answer; elsewhere: of another machine; ended; unknown: nothing says whose it is',
      enum: ['running', 'silent', 'elsewhere', 'ended', 'unknown'],
    },
    owner: object({ user: text('who started it'), host: text('on which machine') }),
    since: time('when it was started'),
    workload: text('what it stands in for, as KIND/NAME'),
    context: text('the kubeconfig context'),
    namespace: text('the namespace'),
    held: text('the container by which others join it (`tp up`)'),
    services: listOf('Services that it holds or will take', service),
    ports: listOf(
      "the pod's ports, and the process's that answer for them",
      object({ pod: port("the pod's"), process: port("the process's"), protocol }, ['process', 'protocol']),
    ),
    loopback: object({
      toPod: listOf("ports of 127.0.0.1 that lead to the pod's, where sidecars listen", podPort),
      fromPod: listOf("ports of the pod's 127.0.0.1 that lead to the process", podPort),
    }),
    link,
    proxy: object({
      pod: text("the proxy's pod"),
      ready: { description: 'whether it is ready', type: 'boolean' },
    }),
    features: listOf("what it uses of the machine's kernel, and how the agent is reached", {
      type: 'string',
    }),
  },
  ['owner', 'since', 'workload', 'held', 'loopback', 'proxy'],
);

export const STATUS_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'tp status --output json: sessions; what nobody could tell is left out',
  type: 'array',
  items: session,
} as const;
