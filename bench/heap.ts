import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/**
 * Runs in the process's network namespace, as the inspector listens on its loopback only: has V8 collect all garbage, and
 * prints what is left of the heap (bytes).
 */
const SCRIPT = `
  const ask = async () => (await (await fetch('http://127.0.0.1:9229/json')).json())[0].webSocketDebuggerUrl;
  // It listens a moment after the signal.
  const url = await (async () => { for (let tries = 0; ; tries++) try { return await ask(); } catch (error) { if (tries === 100) throw error; await new Promise((resolve) => setTimeout(resolve, 20)); } })();
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  let last = 0;
  const call = (method, params = {}) => new Promise((resolve) => {
    const id = ++last;
    socket.addEventListener('message', ({ data }) => { const answer = JSON.parse(data); if (answer.id === id) resolve(answer.result); });
    socket.send(JSON.stringify({ id, method, params }));
  });
  await call('HeapProfiler.enable');
  // Twice: what the first finds to be finalized, the second frees.
  for (let time = 0; time < 2; time++) await call('HeapProfiler.collectGarbage');
  const { usedSize } = await call('Runtime.getHeapUsage');
  console.log(usedSize);
  process.exit();`;

/** Has a Node process collect all garbage; gives what it then holds in its heap (bytes). Needs root. */
export async function collected(pid: number): Promise<number> {
  process.kill(pid, 'SIGUSR1'); // Node: starts the inspector, once
  const inside = ['--target', `${pid}`, '--net', process.execPath, '--input-type=module', '-e', SCRIPT];
  const { stdout } = await promisify(execFile)('nsenter', inside);
  return Number(stdout);
}
