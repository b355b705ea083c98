import type Dockerode from 'dockerode';
import { SESSION } from '../labels.ts';
import { findNetworkContainer } from './network-log.ts';

/** A session's network container as it may be passed on, and what is secret in the session's containers. */
export interface InspectedSession {
  container: object | undefined;
  /** `NAME=VALUE` of all the session's containers: they have the pod's Secrets. */
  environment: string[];
}

/** Reads them. Throws what the Docker API throws. */
export async function inspectSession(docker: Dockerode, session: string): Promise<InspectedSession> {
  const all = await docker.listContainers({ all: true, filters: { label: [`${SESSION}=${session}`] } });
  const inspected = await Promise.all(all.map(({ Id }) => docker.getContainer(Id).inspect()));
  const network = await findNetworkContainer(docker, session);
  return {
    container: network && passedOn(await network.inspect()),
    environment: inspected.flatMap(({ Config }) => Config.Env ?? []),
  };
}

/** Of labels those of tp; of variables the names. */
function passedOn({
  Id,
  Name,
  Created,
  State,
  Image,
  RestartCount,
  Mounts,
  Config,
  HostConfig,
  NetworkSettings,
}: Dockerode.ContainerInspectInfo): object {
  const labels = Object.entries(Config.Labels ?? {}).filter(([key]) => key.startsWith('tp/'));
  const { Health: _health, ...state } = State as Dockerode.ContainerInspectInfo['State'] & {
    Health?: unknown;
  };
  const { NetworkMode, CapAdd, CapDrop, Devices, Sysctls, LogConfig, PortBindings, ExtraHosts } = HostConfig;
  return {
    id: Id,
    name: Name,
    created: Created,
    state,
    image: Image,
    restarts: RestartCount,
    hostname: Config.Hostname,
    labels: Object.fromEntries(labels),
    variables: (Config.Env ?? []).map((line) => line.split('=', 1)[0]),
    host: { NetworkMode, CapAdd, CapDrop, Devices, Sysctls, LogConfig, PortBindings, ExtraHosts },
    mounts: Mounts.map(({ Type, Source, Destination }) => ({ Type, Source, Destination })),
    networks: NetworkSettings.Networks,
    ports: NetworkSettings.Ports,
  };
}
