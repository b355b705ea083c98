import packageJson from '../../package.json' with { type: 'json' };
import type { Cluster, ClusterOptions } from '../cluster/client.ts';
import type { DockerConnection } from '../docker/connect.ts';
import type { Engine } from '../docker/engine.ts';
import { examineCluster } from './cluster.ts';
import { examineDocker } from './docker.ts';
import { examine, type Finding, type Found, skipped } from './finding.ts';
import { examineImage } from './image.ts';
import { examineKernel } from './kernel.ts';
import { examineLeftovers } from './leftovers.ts';
import { examinePodSecurity } from './pod-security.ts';
import { examineRights } from './rights.ts';
import { examineRoom } from './room.ts';

export interface DoctorRequest {
  cluster: ClusterOptions;
  workload: string | undefined;
  networkImage: string | undefined;
  proxyImage: string | undefined;
}

/** All that was found, and the sides that answered. */
export interface Diagnosis {
  findings: Finding[];
  cluster: Cluster | undefined;
  docker: DockerConnection | undefined;
  versions: Versions;
}

export interface Versions {
  tp: string;
  node: string;
  platform: string;
  kubernetes: string | undefined;
  docker: Engine | undefined;
}

/** Makes every check that can be made, both sides at once, and changes nothing in the cluster. */
export async function diagnose(request: DoctorRequest): Promise<Diagnosis> {
  const { workload, networkImage, proxyImage } = request;
  const [ofCluster, ofDocker] = await Promise.all([examineCluster(request.cluster), examineDocker()]);
  const { cluster, version: kubernetes } = ofCluster;
  const { connection, engine } = ofDocker;
  const there = (check: string, work: (cluster: Cluster) => Promise<Found[] | Found>) =>
    examine(check, async () => (cluster ? await work(cluster) : skipped('the cluster does not answer')));
  const findings = await Promise.all([
    there('rights', examineRights),
    there('pod security', (each) => examinePodSecurity(each, workload)),
    there('quota', examineRoom),
    there('proxy image', (each) => examineImage(each, proxyImage)),
    ofDocker.findings,
    examine('kernel', async () =>
      connection ? await examineKernel(connection.docker, networkImage) : skipped('Docker does not answer'),
    ),
    examine('leftovers', () => examineLeftovers(connection?.docker, cluster)),
  ]);
  const { version: tp } = packageJson;
  const platform = `${process.platform}/${process.arch}`;
  return {
    findings: [...ofCluster.findings, ...findings.flat()],
    cluster,
    docker: connection,
    versions: { tp, node: process.version, platform, kubernetes, docker: engine },
  };
}
