import { kubectl, show } from '../test/e2e/harness/cluster.ts';
import { docker } from '../test/e2e/harness/container.ts';
import { Project } from '../test/e2e/harness/reloading.ts';

/** A change as it reaches staging without tp: an image, its copy to the node, and a roll-out of the Deployment. */

const CLUSTER = 'test/cluster/cluster';
const DEPLOYMENT = 'deployment/servicename';

/** The longest that a roll-out may take. */
const LIMIT = '--timeout=120s';

/** In turns, so that the node keeps no more of them. */
const IMAGES = ['examplecom/reloading:a', 'examplecom/reloading:b'];

export class Rollout implements AsyncDisposable {
  readonly #project: Project;
  /** What ran before, to be put back. */
  readonly #image: string;
  #changes = 0;

  private constructor(project: Project, image: string) {
    this.#project = project;
    this.#image = image;
  }

  static async prepare(): Promise<Rollout> {
    const path = 'jsonpath={.spec.template.spec.containers[0].image}';
    const rollout = new Rollout(await Project.make(), await kubectl('get', DEPLOYMENT, '-o', path));
    for (const version of IMAGES) await rollout.change(version); // what all images share has been copied then
    return rollout;
  }

  /** Makes a change, and has it rolled out. Gives the time of saving (epoch ms), when the new pods are to come. */
  async change(version: string): Promise<number> {
    const saved = this.#project.save(version);
    const image = IMAGES[this.#changes++ % IMAGES.length] ?? '';
    await docker('build', '--quiet', '--tag', image, this.#project.directory);
    await show(CLUSTER, 'load', image);
    await this.#set(image);
    return saved;
  }

  async #set(image: string): Promise<void> {
    await kubectl('set', 'image', DEPLOYMENT, `servicename=${image}`);
    await kubectl('rollout', 'status', DEPLOYMENT, LIMIT);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#set(this.#image);
    await docker('image', 'rm', ...IMAGES);
    await this.#project[Symbol.asyncDispose]();
  }
}
