import { text } from 'node:stream/consumers';
import { StringDecoder } from 'node:string_decoder';
import { ApiException } from '@kubernetes/client-node';
import type { ApiClient } from './api-client.ts';

/**
 * Watches a list: `onObject` gets each object that is there, changes or goes. Resolves when the API server ends the watch, as
 * it does now and then. Rejects with ApiException when it refuses, and when the connection breaks or `signal` aborts.
 */
export async function watch<T>(
  api: ApiClient,
  path: string,
  query: Record<string, string>,
  onObject: (object: T, deleted: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  const parameters = new URLSearchParams({ watch: 'true', ...query });
  const response = await api.send(`${api.server}${path}?${parameters}`, { signal });
  if (response.statusCode !== 200) {
    const { statusCode = 0 } = response;
    throw new ApiException(statusCode, `HTTP ${statusCode}`, await text(response), {});
  }
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as { type: string; object: T };
      if (type === 'ERROR') throw new Error(`the watch ended: ${JSON.stringify(object)}`);
      onObject(object, type === 'DELETED');
    }
  }
}
