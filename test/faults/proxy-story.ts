import { kubectl, kubectlJson } from '../e2e/harness/cluster.ts';

/** What the cluster knows of the session's pods, and the last words of a proxy that ended in one: for a fault that is not borne. */
export async function proxyStory(session: string): Promise<string> {
  const { items } = await kubectlJson<{
    items: { metadata: { name: string }; status: { containerStatuses?: Record<string, unknown>[] } }[];
  }>('get', 'pods', '-l', `tp/session=${session}`);
  const ended = await Promise.all(
    items.flatMap(({ metadata: { name }, status: { containerStatuses = [] } }) =>
      containerStatuses
        .filter(({ restartCount }) => restartCount !== 0)
        .map(async ({ name: container, restartCount, lastState }) => {
          const log = await kubectl('logs', '--previous', name, '-c', String(container)).catch(String);
          return `${name} ${container}: ${restartCount} restarts, ${JSON.stringify(lastState)}\n${log}`;
        }),
    ),
  );
  return ended.join('\n');
}
