import { isLoopback } from '../address.ts';

type Names = Readonly<Record<string, readonly string[]>>;

/**
 * What names are answered with: for the laptop's loopback the addresses that the `laptop` has in the container, and none
 * that is `unreachable` beside the cluster, for a connection there would go to the cluster.
 */
export function answers(names: Names, laptop: readonly string[], unreachable: readonly string[]): Names {
  return Object.fromEntries(
    Object.entries(names).map(([name, addresses]) => {
      const there = addresses.flatMap((address) => (isLoopback(address) ? laptop : address));
      return [name, [...new Set(there)].filter((address) => !unreachable.includes(address))];
    }),
  );
}
