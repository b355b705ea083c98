import { connectDocker, type DockerConnection } from '../docker/connect.ts';
import { describeEngine, type Engine } from '../docker/engine.ts';
import { examine, type Finding, failure, ok } from './finding.ts';

/** Whether Docker answers, what it is and where it runs. */

export interface DockerExamined {
  findings: Finding[];
  connection: DockerConnection | undefined;
  engine: Engine | undefined;
}

export async function examineDocker(): Promise<DockerExamined> {
  let connection: DockerConnection | undefined;
  let engine: Engine | undefined;
  const findings = await examine('docker', async () => {
    connection = await connectDocker();
    engine = await describeEngine(connection.docker, connection.host);
    const { version, kind, system, architecture, place } = engine;
    const line = `${kind} ${version}, ${system}/${architecture}, on ${place}, at ${connection.host}`;
    if (system !== 'linux')
      return failure(`${line}: a session needs Linux containers`, 'DockerCli -SwitchLinuxEngine');
    return ok(line);
  });
  return { findings, connection, engine };
}
