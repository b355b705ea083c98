import type { Duplex } from 'node:stream';
import type Dockerode from 'dockerode';
import type { LocalNetwork } from '../../images/network/messages.ts';
import type { DockerRunFlags } from '../flags.ts';
import type { SessionPlan } from '../plan.ts';
import { clusterAddresses } from '../pod-view.ts';
import type { Progress } from '../progress.ts';
import { orAborted } from '../together.ts';
import type { PodView } from '../tunnel/control.ts';
import { AgentProcess } from './agent-process.ts';
import type { Draft } from './draft.ts';
import { connectToAgent, linkDirectory, makeLinkDirectory, removeLinkDirectory } from './link-directory.ts';
import { LocalNames } from './local-names.ts';
import { bridgeToAgent, connectNetworks, createWithDirectory, publishedPorts } from './network-container.ts';
import { ensureNetworkImage } from './network-image.ts';
import type { ProjectNames } from './project-names.ts';
import { resolvConfFor } from './resolver.ts';
import { createVolumes, removeVolumes, volumeNames } from './session-volumes.ts';
import { findSiblings, watchSiblings } from './siblings.ts';
import { removeContainer } from './user-container.ts';

export interface NetworkOptions {
  docker: Dockerode;
  /** Docker's address. */
  host: string;
  draft: Draft;
  own: DockerRunFlags;
  labels: Record<string, string>;
  session: string;
  /** What the container is to be called. */
  name: string;
  /** What a Compose project says of its containers' names. */
  names?: ProjectNames | undefined;
  /** The pod's name, which is its hostname, as soon as it is known. */
  podName: Promise<string>;
  progress: Progress;
  cleanup: AsyncDisposableStack;
  signal: AbortSignal;
}

/** Longer pod names are cut to a DNS label, as the kubelet does for the pod's own hostname. */
const MAX_HOSTNAME = 63;

/** Starts the network container and its agent. What was made is undone by `cleanup`. Throws TpError. */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { docker, host, draft, own, labels, session, name, podName, progress, cleanup, signal } = options;
  return await progress.step('network container', async ({ waitingFor }) => {
    const named = own.networkImage;
    const image = await ensureNetworkImage({ docker, host, named, onStep: waitingFor });
    signal.throwIfAborted();
    waitingFor("the pod's name");
    const hostname = (await orAborted(podName, signal)).slice(0, MAX_HOSTNAME);
    cleanup.defer(() => removeLinkDirectory(session));
    const directory = makeLinkDirectory(session, host);
    const volumes = volumeNames(session);
    cleanup.defer(() => removeVolumes(docker, session));
    await createVolumes(docker, volumes, labels);
    const create = { name, image, hostname, labels, directory, volumes };
    const container = await createWithDirectory(docker, draft, create);
    cleanup.defer(() => removeContainer(container));
    await connectNetworks(docker, draft, container.id);
    await container.start();
    waitingFor('the agent');
    const agent = await AgentProcess.start(container);
    cleanup.defer(() => agent.end());
    return new Network(options, container, agent, await publishedPorts(container));
  });
}

/** The network container and its agent, as the CLI sees them. */
export class Network {
  readonly container: Dockerode.Container;
  readonly agent: AgentProcess;
  /** Published ports, as lines for a person. */
  readonly published: string[];
  readonly #options: NetworkOptions;
  readonly #localNames: LocalNames;

  constructor(
    options: NetworkOptions,
    container: Dockerode.Container,
    agent: AgentProcess,
    published: string[],
  ) {
    this.#options = options;
    this.#localNames = new LocalNames(options.own.localName);
    this.container = container;
    this.agent = agent;
    this.published = published;
  }

  /** Gives the namespace the pod's address, routes and DNS, and keeps its siblings local. Throws TpError. */
  async becomePod(view: PodView, plan: SessionPlan): Promise<void> {
    const { docker, draft, cleanup } = this.#options;
    await this.#localNames.look();
    const local = await this.#local();
    await this.agent.configure({
      ...local,
      session: plan.session,
      resumeLimitMs: plan.resumeLimitMs,
      podAddresses: view.addresses,
      resolvConf: resolvConfFor(view.resolvConf, draft.inspect.HostConfig),
      clusterAddresses: clusterAddresses(view),
      hostAliases: view.hostAliases,
      ports: plan.ports,
      toPod: plan.toPod,
      fromPod: plan.fromPod,
    });
    const stop = new AbortController();
    cleanup.defer(() => stop.abort());
    // One look after the other, so that none is overtaken by what an earlier one saw.
    let looking = Promise.resolve();
    const look = () => {
      looking = looking.then(async () => this.agent.setLocal(await this.#local())).catch(() => {}); // the network container is on its way out
    };
    this.#localNames.follow(stop.signal, look);
    await watchSiblings(docker, stop.signal, look);
  }

  /** A new stream to the agent's end of the tunnel. */
  async openStream(): Promise<Duplex> {
    const { session } = this.#options;
    return (await connectToAgent(linkDirectory(session))) ?? (await bridgeToAgent(this.container));
  }

  async #local(): Promise<LocalNetwork> {
    const { docker, own, names: rules } = this.#options;
    const { addresses, names } = await findSiblings(docker, this.container.id, rules?.links);
    const { found, addresses: local } = this.#localNames;
    return {
      addresses: [...new Set([...addresses, ...own.localCidr, ...local])],
      names: { ...(rules?.settle(names) ?? names), ...found }, // what somebody names is meant
    };
  }
}
