import type {
  V1Container,
  V1DownwardAPIVolumeFile,
  V1DownwardAPIVolumeSource,
  V1Volume,
} from '@kubernetes/client-node';
import { resourceValue } from './clone-environment.ts';

/** A pod's volumes, and the annotations that some of their files are made of. */
export interface DownwardFiles {
  volumes: V1Volume[];
  annotations: Record<string, string>;
}

/**
 * The volumes with what their files tell of the target's resources as it is in the target, for the proxy's own differ. A
 * file of the downward API has no literals: each becomes an annotation.
 */
export function downwardFiles(volumes: readonly V1Volume[], target: V1Container): DownwardFiles {
  const annotations: Record<string, string> = {};
  const file = (item: V1DownwardAPIVolumeFile): V1DownwardAPIVolumeFile => {
    const { resourceFieldRef, ...rest } = item;
    if (resourceFieldRef?.containerName !== target.name) return item;
    const literal = resourceValue(target, resourceFieldRef.resource, resourceFieldRef.divisor);
    if (literal === undefined) return item;
    const key = `tp/resource-${Object.keys(annotations).length}`;
    annotations[key] = literal;
    return { ...rest, fieldRef: { fieldPath: `metadata.annotations['${key}']` } };
  };
  const source = <T extends V1DownwardAPIVolumeSource>(from: T): T => ({
    ...from,
    ...(from.items && { items: from.items.map(file) }),
  });
  const changed = volumes.map(({ downwardAPI, projected, ...volume }) => ({
    ...volume,
    ...(downwardAPI && { downwardAPI: source(downwardAPI) }),
    ...(projected && {
      projected: {
        ...projected,
        sources: (projected.sources ?? []).map((each) =>
          each.downwardAPI ? { ...each, downwardAPI: source(each.downwardAPI) } : each,
        ),
      },
    }),
  }));
  return { volumes: changed, annotations };
}
