/**
 * Every expected error: what its code means and what to do, declared once. docs/errors.md is made from this. Codes are
 * stable: scripts and searches rely on them.
 */

export interface ErrorCode {
  /** What a person reads in docs/errors.md. */
  means: string;
  fix: string;
  /** What tp exits with; 125 where it is not given, as for `docker run`'s own failures. */
  exit?: number;
}

const GROUPS = {
  'The command line': {
    TP_USAGE: { means: 'no image is named', fix: '`tp docker-run [FLAGS] IMAGE [COMMAND] [ARG...]`' },
    TP_NODE: {
      means: 'this Node is older than 24',
      fix: 'install Node 24, or run `node_modules/.bin/node dist/tp.mjs` in the checkout',
    },
    TP_BAD_PORT: {
      means:
        '`--port` is not two ports, `--to-pod` or `--from-pod` is not one, or the port has an owner in the pod already',
      fix: "`--port 3000:8080`: the process's port, then the pod's; `--to-pod 9901`, `--from-pod 9000`",
    },
    TP_BAD_WORKLOAD: {
      means: '`--workload` is not KIND/NAME, or of a kind that tp does not stand in for',
      fix: '`--workload deployment/NAME`, or `statefulset`, `daemonset`, `replicaset`, `job`, `cronjob`, `pod`',
    },
    TP_DETACHED: {
      means: '`-d`: a session lives as long as its command',
      fix: 'leave it out, and put the whole command into the background',
    },
    TP_RESTART_POLICY: { means: '`--restart`: a session ends with its container', fix: 'leave it out' },
    TP_SIG_PROXY: { means: '`--sig-proxy=false`: signals end the session', fix: 'leave it out' },
    TP_NETWORK_MODE: {
      means: "`--network host`, `none` or `container:`: the network is the pod's",
      fix: 'leave it out, or name a Docker network to be reached beside the cluster',
    },
    TP_NO_SUCH_FLAG: {
      means: 'a flag of tp, or its value, is not right; or there is no such command',
      fix: 'what the line says; `tp docker-run --help`',
    },
    TP_FOREIGN_FLAG: {
      means: 'a flag or command of Telepresence or mirrord',
      fix: 'the one of tp that the hint names',
    },
    TP_CONFIG_FILE: {
      means: '`tp.yaml` has a key or a value that is not known',
      fix: 'the place is in the line, with the nearest name',
    },
    TP_BUNDLE: {
      means: 'the file of `tp doctor --bundle` is there already, or cannot be written',
      fix: 'another name: `tp doctor --bundle FILE`',
    },
    TP_SYSCTL: { means: '`--sysctl` changes what a session relies on', fix: 'leave it out' },
    TP_API_SOCKET: {
      means:
        "`--use-api-socket`: Docker's client would give its login to another container than the one that runs",
      fix: '`-v /var/run/docker.sock:/var/run/docker.sock`',
    },
    TP_NOT_A_TERMINAL: {
      means: '`-it`, and stdin is a pipe, as with `docker run`',
      fix: '`-i` without `-t`',
      exit: 1,
    },
  },
  Docker: {
    TP_NO_DOCKER: {
      means: 'the daemon does not answer, or this user may not use it',
      fix: '`docker info`; `sudo usermod -aG docker "$USER"`',
    },
    TP_NO_DOCKER_CLI: {
      means: "Docker's client cannot be run",
      fix: 'install it; on Debian `apt-get install docker.io`',
    },
    TP_DOCKER_ENDPOINT: {
      means: "Docker's address is not one of unix, tcp or ssh",
      fix: '`DOCKER_HOST=unix:///var/run/docker.sock`, or `docker context use NAME`',
    },
    TP_DOCKER_CONTEXT: {
      means: "Docker's current context names no endpoint",
      fix: '`docker context ls`, `docker context use NAME`',
    },
    TP_DOCKER_CONFIG: {
      means: "a file of Docker's configuration cannot be read",
      fix: 'repair the file that is named',
    },
    TP_DOCKER_CREATE: {
      means: 'Docker refused the flags, for the reason above the line',
      fix: '`docker run --help`',
    },
    TP_NO_IMAGE: {
      means: 'the image is not here, and cannot be pulled',
      fix: '`docker build -t IMAGE .` or `docker login`',
    },
    TP_NETWORK_IMAGE: {
      means: "the network image cannot be built, mostly because its base or Debian's mirror is out of reach",
      fix: '`docker pull node:24-slim`; or `--network-image` with one built elsewhere',
    },
    TP_NETWORK_PULL: {
      means: 'the image that `--network-image` names is not here and cannot be pulled',
      fix: '`docker pull IMAGE`, `docker login`',
    },
  },
  Reloading: {
    TP_RELOAD_PATH: {
      means: '`--watch`, `--sync` or `--build` names a path that is not there, or that is not what it takes',
      fix: '`--watch ./src`, `--sync ./src:/app/src`, `--build .`',
    },
    TP_WATCH: {
      means: 'files cannot be watched, mostly because the limit of watches is reached',
      fix: '`sudo sysctl fs.inotify.max_user_watches=524288`',
    },
    TP_SYNC: {
      means: 'files cannot be copied into the container, or not be removed there',
      fix: 'what the line says; an image without `rm` cannot lose files, and `--read-only` takes none',
    },
    TP_MOUNT: {
      means: 'what is mounted in the pod cannot be brought into the container',
      fix: 'what the line says; `-v SOMETHING:PATH` mounts your own in its place',
    },
    TP_VOLUME_COPY: {
      means: '`--volume-copy` names no volume that the container mounts and that would stay behind',
      fix: 'one of those listed',
    },
    TP_BUILD: {
      means: 'the image of `--build` cannot be built, for the reason above the line',
      fix: '`docker build --tag IMAGE DIR`',
    },
  },
  Compose: {
    TP_NO_COMPOSE: {
      means: "Docker's client has no Compose v2, or one that is older than the line says",
      fix: 'install a newer Compose',
    },
    TP_NO_PROJECT: { means: 'there is no Compose file here', fix: '`cd`, or `export COMPOSE_FILE=FILE`' },
    TP_COMPOSE: {
      means: 'Compose refuses, in its own words, or a session that it needs has ended',
      fix: '`docker compose config`',
    },
    TP_COMPOSE_SERVICE: {
      means: 'a service is not there, or cannot act as a pod; or two would be the same workload',
      fix: 'one of the lines listed',
    },
    TP_COMPOSE_FILE: {
      means: 'a file that tp did not write is in the way, or a template names a value that there is not',
      fix: 'move it away',
    },
  },
  'The cluster': {
    TP_NO_CLUSTER: {
      means: 'there is no kubeconfig, or its context names no cluster',
      fix: '`export KUBECONFIG=FILE`, `kubectl config use-context NAME`',
    },
    TP_KUBECONFIG: {
      means: 'the kubeconfig cannot be read, or names a file, a proxy or a server that cannot be used',
      fix: 'repair what is named',
    },
    TP_NO_CONTEXT: { means: 'the kubeconfig has no such context', fix: 'one of those listed' },
    TP_CLUSTER_UNREACHABLE: {
      means: 'the API server does not answer, or the proxy to it that the line names',
      fix: '`kubectl cluster-info`; VPN? `NO_PROXY`?',
    },
    TP_LOGIN_EXPIRED: {
      means: 'the cluster does not take this login any more',
      fix: 'log in again as for kubectl',
    },
    TP_FORBIDDEN: {
      means: 'rights are missing; the line names them',
      fix: 'have the Role of [rights.md](rights.md) applied',
    },
    TP_CLUSTER_REFUSED: {
      means: 'the API server refused a request, with its own words',
      fix: 'what they say',
    },
    TP_LOGIN_PLUGIN: {
      means:
        'the command that the kubeconfig names to log in fails, is missing, or needs a terminal; its own words are above the line',
      fix: 'what it says, or `kubectl auth whoami`, which asks the same command; see [cluster-access.md](cluster-access.md)',
    },
  },
  'Finding the workload': {
    TP_NO_WORKLOAD: {
      means: 'nothing in the namespace runs this image, or there is no workload of this name',
      fix: 'one of the `--workload` lines listed; `-n NAMESPACE`; `--no-workload`',
    },
    TP_SEVERAL_WORKLOADS: { means: 'more than one runs it', fix: 'one of the `--workload` lines listed' },
    TP_WHICH_CONTAINER: {
      means: 'the pod has several containers, and the image does not tell',
      fix: 'one of the `--container` lines listed',
    },
    TP_NO_CONTAINER: {
      means: "`--without-container` names none of the pod's other containers",
      fix: 'one of those listed',
    },
    TP_NO_SERVICE: {
      means: '`--service` names one that does not select the workload, or has no TCP or UDP port for it',
      fix: 'one of those listed',
    },
    TP_DROP_LABEL: {
      means: '`--drop-label` would leave a Service that is taken over without a pod',
      fix: 'another label, or `--no-inbound`',
    },
    TP_HOST_NETWORK: {
      means: "the workload uses the node's network",
      fix: '`--no-workload`: nothing can stand in for it',
    },
    TP_DOCKER: {
      means: 'Docker refused a request, for the reason that it gives: a port that is taken, a name in use',
      fix: "what Docker's words ask for",
    },
    TP_NOT_YOURS: {
      means: "`tp leave` would end another user's or another machine's session that may still run",
      fix: 'ask that user to end it, or `tp leave SESSION --yes`',
    },
    TP_REPLACED: {
      means: 'another session has scaled this workload to zero with `--replace`',
      fix: 'the line names it: `tp leave SESSION`, or ask its user',
    },
    TP_REPLACE_NONE: {
      means: '`--replace` without a workload',
      fix: '`--workload deployment/NAME`',
    },
    TP_HELD: {
      means: 'another session holds the Service',
      fix: '`--evict` takes it over, `--no-inbound` goes beside; see [status.md](status.md)',
    },
    TP_EVICTED: {
      means: 'someone took a Service of this session over with `--evict`; the line says who',
      fix: 'ask them; `--no-inbound` to go beside',
    },
    TP_NAME_TAKEN: {
      means: 'a session of this name is held already, or a container of the user is called so',
      fix: '`tp status`; `tp down NAME`',
    },
    TP_ENV_FORMAT: {
      means: '`tp env`: a variable cannot be written in that format, such as one of several lines for Docker',
      fix: 'the format that is named; `--unset NAME`, of a workload',
    },
    TP_NO_SESSION: {
      means: '`tp leave`, `tp logs` or `tp env` names a session that is not here, or there is none',
      fix: 'one of those listed; `-n NAMESPACE`',
    },
    TP_SEVERAL_SESSIONS: {
      means: '`tp logs` without a name, and there is more than one session',
      fix: 'one of those listed',
    },
  },
  'The proxy pod': {
    TP_PROXY_REFUSED: {
      means: 'the cluster does not let the pod be made, for a reason that tp has no code for',
      fix: 'what the line says',
    },
    TP_PROXY_PULL: {
      means: 'the node cannot pull an image of the pod',
      fix: '`--proxy-image` with one that it can; the image must have Node',
    },
    TP_PROXY_FAILED: {
      means: 'a container of the pod does not start, or keeps crashing; its log follows',
      fix: "`--skip-init` or `--without-container` if it is one of the workload's",
    },
    TP_PORT_FORWARD: {
      means: 'the API server or the node refuses the connection to the pod',
      fix: '`kubectl port-forward` to any pod tells more',
    },
    TP_PROXY_UNREACHABLE: {
      means: 'the pod runs, but the proxy does not answer',
      fix: '`kubectl logs deploy/tp-…`; try again',
    },
    TP_NO_FALLBACK: {
      means: 'the proxy cannot reach any original pod: none is ready, or a NetworkPolicy forbids it',
      fix: '[strict-namespaces.md](strict-namespaces.md) has a policy that allows it; `--no-fallback` to go on: then nobody answers when the laptop does not',
    },
    TP_NO_GUARDIAN: {
      means: 'the guardian of `--replace` cannot reach the API server or may not scale; nothing was scaled',
      fix: 'its log is shown: a NetworkPolicy may forbid pods to reach the API server',
    },
    TP_SCALED: {
      means: 'somebody scaled the workload in the moment in which `--replace` did',
      fix: 'try again',
    },
    TP_LEASE_LOST: {
      means:
        'the laptop was away for longer than the lease of `--replace`: the originals are back, so the session ends',
      fix: 'start it again',
    },
    TP_QUOTA: {
      means: 'a ResourceQuota has no room for the pod',
      fix: 'the line names the quota; `kubectl describe quota`',
    },
    TP_POD_SECURITY: {
      means: "the namespace's PodSecurity level refuses the pod: mostly for a sidecar of the workload",
      fix: '`--without-container NAME` for the one that the line names',
    },
    TP_ADMISSION: {
      means: 'an admission webhook or policy refuses the pod, in its own words',
      fix: 'what they say; whoever runs the policy',
    },
    TP_PENDING: {
      means: 'no node took the pod in two minutes, for the reason given',
      fix: '`--drop-label` for an anti-affinity, else room on a node',
    },
    TP_NO_REGISTRY: {
      means: '`--push-proxy-image`, and the cluster announces no local registry (KEP-1755)',
      fix: '`--proxy-image` with an image that the nodes can pull',
    },
    TP_PUSH: {
      means: "Docker cannot push the proxy's image to the cluster's registry",
      fix: '`docker login HOST`, or push it by hand',
    },
  },
  'While it runs': {
    TP_LINK_FAILED: {
      means: 'the agent could not open its tunnel to the proxy',
      fix: 'start again; the reason is in the line',
    },
    TP_LINK_LOST: {
      means: 'the link between laptop and pod was cut, and no other could be made for ten minutes',
      fix: 'start again; `tp leave` where putting back failed, too',
    },
    TP_SESSION_GONE: {
      means: "the session's objects are gone from the cluster: `tp leave` was run elsewhere",
      fix: 'start again',
    },
    TP_NAMESPACE_ENDS: {
      means:
        'somebody deletes the namespace: nothing can be made in it any more, so the session ends, or does not begin',
      fix: 'start again once there is a new one; `-n NAMESPACE` for another',
    },
    TP_AGENT_LOST: {
      means: 'the agent in the network container ended; its last words follow',
      fix: 'start again; without `/dev/net/tun` on the host it cannot work',
    },
  },
} as const satisfies Record<string, Record<string, ErrorCode>>;

type Groups = typeof GROUPS;
/** The code of an expected error. */
export type TpErrorCode = { [Group in keyof Groups]: keyof Groups[Group] }[keyof Groups];

/** The codes by the part of the work that they belong to, for the documentation. */
export const ERROR_GROUPS: Readonly<Record<string, Readonly<Record<string, ErrorCode>>>> = GROUPS;

const ALL: ReadonlyMap<string, ErrorCode> = new Map(Object.values(ERROR_GROUPS).flatMap(Object.entries));

/** What tp itself exits with when it fails, as `docker run` does for its own failures. */
export const OWN_FAILURE = 125;

/** What tp exits with for an error of this code. */
export const exitCodeOf = (code: TpErrorCode): number => ALL.get(code)?.exit ?? OWN_FAILURE;
