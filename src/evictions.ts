import type { Holder } from './cluster/holders.ts';
import type { ServiceView } from './cluster/services.ts';
import { TpError } from './errors.ts';
import { clockTime } from './times.ts';

/** What is taken from whom, a line each. Throws TpError where another session holds a Service and is not to be evicted. */
export function evictionNotes(
  services: readonly ServiceView[],
  holders: ReadonlyMap<string, Holder>,
  evict: boolean,
): string[] {
  return services.flatMap(({ name, heldBy }) => {
    if (heldBy === undefined) return [];
    const holder = holders.get(heldBy);
    const since = holder?.since === undefined ? '' : `, since ${clockTime(holder.since)}`;
    const whose = `the session ${heldBy}${holder ? ` of ${holder.whose}${since}` : ''}`;
    if (evict) return [`Service ${name} is taken from ${whose}: that session ends then`];
    throw new TpError('TP_HELD', `Service ${name} is held by ${whose}`, {
      hint: `--evict to take it over\n--no-inbound to work beside it without its traffic\ntp leave ${heldBy}`,
    });
  });
}
