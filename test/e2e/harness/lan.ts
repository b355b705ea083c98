import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { docker } from './container.ts';

const run = promisify(execFile);

const NAMESPACE = 'tp-e2e-lan';
/** A documentation range (RFC 5737), so that it is nobody's. */
const HOST = '198.51.100.1';
const OTHER = '198.51.100.2';
const BEYOND = '203.0.113.9';
const PORT = 7000;

/** Another machine on the laptop's LAN: a network namespace with a server that greets whoever connects. */
export async function lanHost() {
  const ip = (...args: string[]) => run('ip', args);
  // What an interrupted run left; there is mostly nothing.
  await ip('link', 'del', 'tp-e2e-host').catch(() => {});
  await ip('netns', 'del', NAMESPACE).catch(() => {});
  await ip('netns', 'add', NAMESPACE);
  await ip('link', 'add', 'tp-e2e-host', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', NAMESPACE);
  await ip('addr', 'add', `${HOST}/24`, 'dev', 'tp-e2e-host');
  await ip('link', 'set', 'tp-e2e-host', 'up');
  await ip('-n', NAMESPACE, 'addr', 'add', `${OTHER}/24`, 'dev', 'eth0');
  await ip('-n', NAMESPACE, 'addr', 'add', `${BEYOND}/32`, 'dev', 'eth0');
  await ip('-n', NAMESPACE, 'link', 'set', 'eth0', 'up');
  await ip('-n', NAMESPACE, 'link', 'set', 'lo', 'up');
  await ip('-n', NAMESPACE, 'route', 'add', 'default', 'via', HOST);
  await ip('route', 'add', `${BEYOND}/32`, 'via', OTHER);
  const server = `
    require('node:net').createServer((socket) => { socket.on('error', () => {}); socket.end('hello from the LAN'); }).listen(${PORT}, () => console.log('up'));
    const udp = require('node:dgram').createSocket('udp4');
    udp.on('message', (message, from) => udp.send('hello', from.port, from.address)).bind(${PORT});`;
  const child = spawn('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', server], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return {
    address: OTHER,
    gateway: HOST,
    /** An address that only a route of the host's leads to, as the internet's. */
    beyond: BEYOND,
    port: PORT,
    /** What a URL answers when asked from there. */
    async get(url: string): Promise<string> {
      const script = `fetch('${url}', { signal: AbortSignal.timeout(5000) }).then((r) => r.text()).then((text) => process.stdout.write(text))`;
      return (await run('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', script])).stdout;
    },
    /** Whether a container without tp reaches the host: else its silence towards tp's would show nothing. */
    async reachableFromPlainContainer(): Promise<boolean> {
      const script = `require('node:net').connect(${PORT}, '${OTHER}').on('data', () => process.exit(0)).on('error', () => process.exit(1)); setTimeout(() => process.exit(1), 3000)`;
      return await docker('run', '--rm', 'node:24-slim', 'node', '-e', script).then(
        () => true,
        () => false,
      );
    },
    async remove(): Promise<void> {
      child.kill();
      await ip('link', 'del', 'tp-e2e-host');
      await ip('netns', 'del', NAMESPACE);
    },
  };
}
