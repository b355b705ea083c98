import { buildImage, removeUnnamed } from '../docker/build-image.ts';
import type { Docker } from '../docker/connect.ts';
import { checkDraft, type Draft, draftContainer, draftReplacement } from '../docker/draft.ts';
import { clientFlags } from '../docker/user-container.ts';
import type { Progress } from '../progress.ts';
import type { DockerRunRequest } from '../session.ts';

/** Where drafts are made, and what cuts their making short. */
interface Surroundings {
  docker: Docker;
  labels: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** What Docker makes of a command line: once, and with `--build` each time that its image has been built anew. */
export class Drafts {
  readonly #request: DockerRunRequest;
  readonly #progress: Progress;
  #current: { draft: Draft; surroundings: Surroundings } | undefined;

  constructor(request: DockerRunRequest, progress: Progress) {
    this.#request = request;
    this.#progress = progress;
  }

  /** Builds the image where that is asked for. Throws TpError for what Docker refuses, and what a session cannot honour. */
  async first(surroundings: Surroundings): Promise<Draft> {
    const { docker, labels, signal } = surroundings;
    await this.#build(surroundings);
    const draft = await draftContainer(docker, this.#run, labels, signal);
    checkDraft(draft);
    this.#current = { draft, surroundings };
    return draft;
  }

  /** Builds the image anew. Throws TpError, and the signal's reason; what was before is what is current then. */
  async next(signal: AbortSignal): Promise<Draft> {
    if (!this.#current) throw new Error('there was no first draft');
    const { draft: before, surroundings } = this.#current;
    const { docker, labels } = surroundings;
    await this.#build({ ...surroundings, signal });
    const draft = await draftReplacement(docker, this.#run, labels, signal, before);
    this.#current = { draft, surroundings };
    return draft;
  }

  /** Removes an image that a build has taken the name of. */
  async forget(image: string): Promise<void> {
    if (this.#current) await removeUnnamed(this.#current.surroundings.docker, image);
  }

  /** Docker's own client reads the flags. */
  get #run() {
    const { flags, image, command } = this.#request;
    return { flags: clientFlags(flags).create, image, command };
  }

  async #build({ docker, signal }: Surroundings): Promise<void> {
    const { own, image } = this.#request;
    const { build: directory, dryRun } = own;
    if (directory === undefined || dryRun) return;
    await this.#progress.lend(() => buildImage(docker, { image, directory }, signal));
  }
}
