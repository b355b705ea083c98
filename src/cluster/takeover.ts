import { PatchStrategy, setHeaderOptions, type V1Service } from '@kubernetes/client-node';
import { TpError } from '../errors.ts';
import { SESSION } from '../labels.ts';
import { ask, type Cluster, statusOf } from './client.ts';

/** Taking over adds one key to a Service's selector; giving back removes it. Nothing else of the Service is touched. */

/** The patch that takes a Service over, as `--dry-run --output yaml` shows it. */
export const takePatch = (session: string) => ({ spec: { selector: { [SESSION]: session } } });

const SELECTOR_PATH = `/spec/selector/${SESSION.replace('/', '~1')}`;

/** How often to try again when somebody else changes the Service at the same moment. */
const CONFLICT_TRIES = 5;

/** The patch that takes a Service from another session in one step, if it is still that one's: it always has a holder. */
export const evictPatch = (holder: string, session: string) => [
  { op: 'test', path: SELECTOR_PATH, value: holder },
  { op: 'replace', path: SELECTOR_PATH, value: session },
];

export interface TakeOptions {
  /** Takes it from another session, too. */
  evict?: boolean;
  /** Whether it is to be taken as it is now. */
  fits?(service: V1Service): boolean;
}

/**
 * Makes the Service select the session's pod, unless it does already or does not fit. Says whether it did. Throws TpError
 * when another session holds it, unless that is to be evicted.
 */
export async function takeService(
  { core, namespace }: Cluster,
  name: string,
  session: string,
  { evict = false, fits = () => true }: TakeOptions = {},
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const service = await ask(`reading Service ${name}`, core.readNamespacedService({ name, namespace }));
    const holder = service.spec?.selector?.[SESSION];
    if (holder === session || !fits(service)) return false;
    if (holder !== undefined && !evict) {
      throw new TpError('TP_HELD', `Service ${name} is held by the session ${holder}`, {
        hint: `tp leave ${holder}\n--evict to take it over`,
      });
    }
    // The version makes it a compare-and-set: two sessions that start together do not overwrite each other.
    const body =
      holder === undefined
        ? { metadata: { resourceVersion: service.metadata?.resourceVersion }, ...takePatch(session) }
        : evictPatch(holder, session);
    const strategy = holder === undefined ? PatchStrategy.MergePatch : PatchStrategy.JsonPatch;
    try {
      await core.patchNamespacedService(
        { name, namespace, body },
        setHeaderOptions('Content-Type', strategy),
      );
      return true;
    } catch (error) {
      const changed = statusOf(error) === 409 || (holder !== undefined && statusOf(error) === 422);
      if (!changed || attempt === CONFLICT_TRIES) {
        await ask(`switching Service ${name}`, Promise.reject(error));
      }
    }
  }
}

/** Gives the Service back if this session holds it. Throws TpError. */
export async function giveBackService(
  { core, namespace }: Cluster,
  name: string,
  session: string,
): Promise<void> {
  const body = [
    { op: 'test', path: SELECTOR_PATH, value: session },
    { op: 'remove', path: SELECTOR_PATH },
  ];
  const options = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);
  try {
    await core.patchNamespacedService({ name, namespace, body }, options);
  } catch (error) {
    // Gone, or not ours any more: someone applied the original, which is what we are after.
    if (statusOf(error) === 404 || statusOf(error) === 422) return;
    await ask(`giving Service ${name} back`, Promise.reject(error));
  }
}

/** The Services that a session holds. Throws TpError. */
export async function heldServices({ core, namespace }: Cluster, session: string): Promise<string[]> {
  const services = await ask('listing Services', core.listNamespacedService({ namespace }));
  return services.items
    .filter(({ spec }) => spec?.selector?.[SESSION] === session)
    .map(({ metadata }) => metadata?.name ?? '');
}
