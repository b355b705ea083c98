import { realpathSync, statSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import { TpError } from '../errors.ts';
import type { DockerRunFlags } from '../flags.ts';

/** A directory or file of the host, and where the container has its copy. */
export interface SyncedPath {
  source: string;
  target: string;
}

/** What is done when files change. Paths of the host are absolute. */
export interface ReloadRequest {
  /** A change here starts the container's process anew. */
  watch: string[];
  /** A change here is copied into the container. */
  sync: SyncedPath[];
  /** A change here builds the image anew, and replaces the container. */
  build: string | undefined;
}

/** Takes `--watch`, `--sync` and `--build` apart; undefined where none is given. Throws TpError. */
export function reloadRequest(own: DockerRunFlags, from: string): ReloadRequest | undefined {
  const { watch, sync, build } = own;
  if (watch.length === 0 && sync.length === 0 && build === undefined) return undefined;
  return {
    watch: watch.map((path) => existing('--watch', path, from)),
    sync: sync.map((text) => syncedPath(text, from)),
    build: build === undefined ? undefined : directory(build, from),
  };
}

function syncedPath(text: string, from: string): SyncedPath {
  const [, source, target] = /^(.+):(\/.*)$/s.exec(text) ?? [];
  if (source === undefined || target === undefined) {
    throw new TpError('TP_RELOAD_PATH', `--sync ${text}: not SRC:DST, with an absolute DST`, {
      hint: '--sync ./src:/app/src',
    });
  }
  return {
    source: existing('--sync', source, from),
    target: posix.normalize(target).replace(/(?<=.)\/$/, ''),
  };
}

function existing(flag: string, path: string, from: string): string {
  const absolute = resolve(from, path);
  if (statSync(absolute, { throwIfNoEntry: false })) return realpathSync(absolute);
  throw new TpError('TP_RELOAD_PATH', `${flag} ${path}: there is no such file or directory`, {
    hint: `ls ${absolute}`,
  });
}

function directory(path: string, from: string): string {
  const absolute = existing('--build', path, from);
  if (statSync(absolute).isDirectory()) return absolute;
  throw new TpError('TP_RELOAD_PATH', `--build ${path}: not a directory`, { hint: '--build .' });
}
