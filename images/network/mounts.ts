import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FilesAnswer, MAX_COPY_ENTRIES } from '../../src/tunnel/files.ts';
import { encodeRequest } from '../../src/tunnel/request.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import type { Tunnel } from '../../src/tunnel/tunnel.ts';
import { type BroughtMount, MOUNT_CONTENT, type WantedMount } from './messages.ts';
import { unpack } from './unpack.ts';

/** A volume may change while it is read: so many tries … */
const TRIES = 5;

/** … with this pause (ms) in between; also between one look at a volume that changes and the next, where it failed. */
const PAUSE_MS = 500;

/** How often it is told how far a copy is (ms): as often as a person looks. */
const TELL_MS = 500;

/** Keeps copies of the pod's mounts, for the user's container to mount. */
export class Mounts {
  readonly #tunnel: () => Tunnel | undefined;
  readonly #warn: (message: string) => void;
  readonly #onCopying: (path: string, bytes: number) => void;
  /** Streams by their tunnel: those that wait for a change would keep it for ever. */
  readonly #streams = new Map<TunnelStream, Tunnel>();

  constructor(
    tunnel: () => Tunnel | undefined,
    warn: (message: string) => void,
    onCopying: (path: string, bytes: number) => void = () => {},
  ) {
    this.#tunnel = tunnel;
    this.#warn = warn;
    this.#onCopying = onCopying;
  }

  /** Brings them all, and from then on what changes in those that do. What an earlier agent brought is not brought again. */
  async bring(mounts: readonly WantedMount[]): Promise<BroughtMount[]> {
    // Each costs a round trip, so side by side; but copies, which may be large, one after the other.
    const small = mounts.map((mount) => (mount.maxBytes === undefined ? this.#bring(mount) : undefined));
    const brought: BroughtMount[] = [];
    for (const [index, mount] of mounts.entries()) brought.push(await (small[index] ?? this.#bring(mount)));
    return brought;
  }

  /** Uses `tunnel` no longer: another one has taken its place. */
  leave(tunnel: Tunnel): void {
    for (const [stream, its] of this.#streams)
      if (its === tunnel) stream.destroy(new Error('another pod took over'));
  }

  async #bring(mount: WantedMount): Promise<BroughtMount> {
    const { path, place, follows } = mount;
    if (existsSync(join(place, MOUNT_CONTENT))) {
      if (follows) void this.#follow(mount, '');
      return { path, shows: 'directory', left: [] };
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const { version, ...brought } = await this.#first(mount);
        if (follows) void this.#follow(mount, version);
        return { path, ...brought };
      } catch (error) {
        // A copy may be large, and is over its bound the next time, too.
        if (attempt === TRIES || mount.maxBytes !== undefined)
          return { path, shows: 'nothing', left: [], failure: (error as Error).message };
        await sleep(PAUSE_MS);
      }
    }
  }

  /** A mount is there as a whole, or not at all. */
  async #first(mount: WantedMount): Promise<FilesAnswer> {
    const unfinished = join(mount.place, 'unfinished');
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(mount.place, { recursive: true, mode: 0o700 });
    const answer = await this.#fetch(mount, unfinished);
    if (answer.shows !== 'nothing') await rename(unfinished, join(mount.place, MOUNT_CONTENT));
    return answer;
  }

  async #follow(mount: WantedMount, version: string): Promise<void> {
    let current = version;
    let failure = '';
    for (;;) {
      try {
        const { version: next, left } = await this.#fetch(mount, join(mount.place, MOUNT_CONTENT), current);
        for (const name of left)
          this.#warn(`${mount.path}/${name} is for others to read: it stays in the pod`);
        current = next;
        failure = '';
      } catch (error) {
        const { message } = error as Error;
        // Once is a pod that was replaced, or a link that was.
        if (failure === message && this.#tunnel()?.linked)
          this.#warn(`${mount.path} does not follow the pod's: ${message}`);
        failure = message;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #fetch(mount: WantedMount, root: string, after?: string): Promise<FilesAnswer> {
    const { path, madeUpUser, maxBytes } = mount;
    const tunnel = this.#tunnel();
    if (!tunnel) throw new Error('there is no tunnel');
    const stream = tunnel.open(
      encodeRequest(
        maxBytes === undefined
          ? { kind: 'files', path, ...(after !== undefined && { after }) }
          : { kind: 'copy', path, maxBytes },
      ),
    );
    this.#streams.set(stream, tunnel);
    stream.on('error', () => {}); // also where it comes between what follows; whoever reads the stream then is told
    try {
      await once(stream, 'accept');
      stream.end();
      if (maxBytes === undefined) return await unpack(stream, root, { madeUpUser });
      return await this.#copy(stream, root, mount, maxBytes);
    } finally {
      this.#streams.delete(stream);
      stream.destroy();
    }
  }

  async #copy(
    stream: TunnelStream,
    root: string,
    mount: WantedMount,
    maxBytes: number,
  ): Promise<FilesAnswer> {
    let bytes = 0;
    const timer = setInterval(() => this.#onCopying(mount.path, bytes), TELL_MS);
    try {
      return await unpack(stream, root, {
        madeUpUser: mount.madeUpUser,
        maxBytes,
        maxEntries: MAX_COPY_ENTRIES,
        onBytes: (count) => {
          bytes += count;
        },
      });
    } finally {
      clearInterval(timer);
    }
  }
}
