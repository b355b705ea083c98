import { setFlagsFromString } from 'node:v8';

/**
 * So far (percent of what is alive) the heap and the buffers beside it may grow before all of it is marked. V8 counts what
 * was read as part of the old space: by its own measure it would mark heaps as small as ours anew for each 20 MB that pass.
 */
const GROWTH_PERCENT = 400;

/** For a process that many bytes pass through: see docs/adr/0030-what-passes-piles-up.md. */
export function letPassingBytesPile(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
