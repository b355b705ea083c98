import type { PodView } from './tunnel/control.ts';

/** The pod as the user's container shall see it: without the variables `unset`. `warn` gets a line for each that is not there. */
export function withoutVariables(
  view: PodView,
  unset: readonly string[],
  warn: (message: string) => void,
): PodView {
  const environment = { ...view.environment };
  for (const name of unset) {
    if (!Object.hasOwn(environment, name)) warn(`--unset ${name}: the pod has no such variable`);
    delete environment[name];
  }
  return { ...view, environment };
}
