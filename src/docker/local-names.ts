import { lookup } from 'node:dns/promises';
import { isLoopback } from '../../images/address.ts';

/**
 * How often a name is looked up again (ms): names on a LAN or a VPN move seldom, and Node does not tell how long an answer
 * holds. Half a minute is what most resolvers give such a name.
 */
const LOOK_AGAIN_MS = 30_000;

type Lookup = (name: string) => Promise<readonly string[]>;

/** The names of `--local-name`, as the laptop's resolver has them. The cluster's is never asked. */
export class LocalNames {
  readonly #names: readonly string[];
  readonly #lookup: Lookup;
  #found: Readonly<Record<string, string[]>> = {};

  constructor(names: readonly string[], find: Lookup = addressesOf) {
    this.#names = names;
    this.#lookup = find;
  }

  /** As found last; without addresses where the laptop does not know the name. */
  get found(): Readonly<Record<string, string[]>> {
    return this.#found;
  }

  /** The addresses that are to be reached by the laptop, beside the cluster. */
  get addresses(): string[] {
    return [...new Set(Object.values(this.#found).flat())].filter((address) => !isLoopback(address));
  }

  /** Looks all of them up. Says whether anything is another than before. */
  async look(): Promise<boolean> {
    const entries = await Promise.all(
      this.#names.map(async (name) => {
        const addresses = await this.#lookup(name).catch((): string[] => []); // it does not know it, or not now
        return [name, usable(addresses)] as const;
      }),
    );
    const before = JSON.stringify(this.#found);
    this.#found = Object.fromEntries(entries);
    return JSON.stringify(this.#found) !== before;
  }

  /** Looks again and again, and calls `onChange`, until `signal` aborts. */
  follow(signal: AbortSignal, onChange: () => void): void {
    if (this.#names.length === 0) return;
    const timer = setInterval(async () => {
      if (await this.look()) onChange();
    }, LOOK_AGAIN_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }
}

const addressesOf: Lookup = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

/** Without a neighbour's on a link of the laptop's, which the container is not on. Its loopback is the laptop itself. */
const usable = (addresses: readonly string[]): string[] =>
  [...new Set(addresses)].filter((address) => !/%|^fe[89ab]/i.test(address)).sort();
