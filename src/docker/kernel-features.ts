import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type Dockerode from 'dockerode';
import type { Feature } from '../../images/network/messages.ts';
import { createContainer } from './create-container.ts';
import { Demultiplexer } from './demux.ts';
import { emptyDraft } from './draft.ts';
import { networkContainer } from './network-container.ts';
import { removeContainer } from './user-container.ts';

/**
 * Tries what a session needs of the kernel in a container that is made as the network container is, and gone at once.
 * Throws what the Docker API throws, and Error with the container's own words where it says something else.
 */
export async function kernelFeatures(docker: Dockerode, image: string): Promise<Feature[]> {
  const name = `tp-doctor-${randomBytes(4).toString('hex')}`;
  const options = networkContainer(emptyDraft(name), { name, image, hostname: 'tp-doctor', labels: {} });
  const container = await createContainer(docker, {
    ...options,
    Cmd: ['node', '/opt/tp/features.cjs'],
    // Docker removes it, should we be killed meanwhile.
    HostConfig: { ...options.HostConfig, AutoRemove: true },
  });
  try {
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    const said: Record<'out' | 'err', string> = { out: '', err: '' };
    const demultiplexer = new Demultiplexer();
    stream.on('data', (chunk: Buffer) => {
      for (const { stderr, bytes } of demultiplexer.push(chunk)) said[stderr ? 'err' : 'out'] += bytes;
    });
    const removed = container.wait({ condition: 'removed' });
    removed.catch(() => {}); // awaited below
    await container.start();
    await once(stream, 'end');
    await removed.catch(gone);
    return parsed(said.out, said.err);
  } finally {
    await removeContainer(container);
  }
}

function parsed(out: string, err: string): Feature[] {
  try {
    return JSON.parse(out) as Feature[];
  } catch {
    throw new Error((err || out).trim() || 'it said nothing');
  }
}

const gone = (error: { statusCode?: number }): void => {
  if (error.statusCode !== 404) throw error;
};
