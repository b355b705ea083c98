import http from 'node:http';

/** Of one connection, without Nagle's delay, which is Node's default. */
export const agentFor = (kept: boolean): http.Agent => new http.Agent({ keepAlive: kept, maxSockets: 1 });

/** A small GET, to the end of its answer. */
export function get(
  url: string,
  options: http.RequestOptions,
): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', reject);
  });
}
