import { spawn } from 'node:child_process';
import { kubectlJson } from '../e2e/harness/cluster.ts';
import { eventually } from '../e2e/harness/eventually.ts';

/** A service of two ports: one says who answers, the other sends back what it gets. */
export const SERVER = `
  const hostname = require('node:os').hostname();
  const servers = [
    require('node:http').createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ hostname }));
    }).listen(8080),
    require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    }).listen(9090),
  ];
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));`;

/** What runs Node in the cluster, without its API server. */
export const NODE_PLACE = [`${import.meta.dirname}/../cluster/cluster`, 'run', process.execPath];

export const addressOf = async (service: string): Promise<string> =>
  (await kubectlJson<{ spec: { clusterIP: string } }>('get', 'service', service)).spec.clusterIP;

/** kube-proxy hears of a switched Service within about a second; the stream is to lead to the laptop from the start. */
export async function untilSwitched(address: string): Promise<void> {
  const script = `
    const net = require('node:net');
    const socket = net.connect(9090, process.argv[1]);
    socket.on('error', () => process.exit(1));
    socket.setTimeout(500, () => process.exit(1));
    socket.on('data', (chunk) => process.exit(chunk.toString() === 'echo' ? 0 : 1));
    socket.write('echo');`;
  const [program = '', ...args] = NODE_PLACE;
  let inARow = 0;
  await eventually(
    () =>
      new Promise<number>((resolve) => {
        spawn(program, [...args, '-e', script, '--', address], { stdio: 'ignore' }).on('close', (code) => {
          inARow = code === 0 ? inARow + 1 : 0;
          resolve(inARow);
        });
      }),
    (count) => count >= 5,
  );
}
