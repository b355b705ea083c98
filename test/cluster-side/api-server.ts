import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  RbacAuthorizationV1Api,
} from '@kubernetes/client-node';
import { ApiClient } from '../../src/cluster/api-client.ts';
import type { Cluster } from '../../src/cluster/client.ts';
import type { Login } from '../../src/cluster/login.ts';

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
    // Of a socket that is upgraded nobody hears errors, and a client may reset one that it was refused on.
    this.server.on('connection', (socket) => socket.on('error', () => {}));
  }

  static async start(): Promise<ApiServer> {
    const api = new ApiServer();
    await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get cluster(): Cluster {
    return this.clusterWith();
  }

  /** The cluster with a login that may change; without one it has a fixed token. */
  clusterWith(login?: Login): Cluster {
    const place = { context: 'test', namespace: 'shop' };
    const api = new ApiClient({ ...place, server: this.url, cluster: {}, user: { token: 'secret' } }, login);
    const core = new CoreV1Api(api.configuration);
    const apps = new AppsV1Api(api.configuration);
    const discovery = new DiscoveryV1Api(api.configuration);
    const coordination = new CoordinationV1Api(api.configuration);
    const rbac = new RbacAuthorizationV1Api(api.configuration);
    return { ...place, api, core, apps, discovery, coordination, rbac } as unknown as Cluster;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
