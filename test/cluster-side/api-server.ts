import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppsV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { Cluster } from '../../src/cluster/client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

/** An API server on loopback that answers as the test says, and the cluster that leads to it. */
export class ApiServer {
  readonly requests: string[] = [];
  /** Answers by method and path; a path without one is 404. */
  readonly answers = new Map<string, Handler>();
  readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      this.requests.push(`${request.method} ${url.pathname}${url.search}`);
      const handler = this.answers.get(`${request.method} ${url.pathname}`);
      if (handler) handler(request, response, url);
      else json(response, 404, { kind: 'Status', message: `no ${url.pathname}` });
    });
  }

  static async start(): Promise<ApiServer> {
    const api = new ApiServer();
    await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get cluster(): Cluster {
    const { port } = this.server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
      users: [{ name: 'me', token: 'secret' }],
      contexts: [{ name: 'test', cluster: 'test', user: 'me' }],
      currentContext: 'test',
    });
    const core = config.makeApiClient(CoreV1Api);
    const apps = config.makeApiClient(AppsV1Api);
    return { config, context: 'test', namespace: 'shop', core, apps } as Cluster;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
