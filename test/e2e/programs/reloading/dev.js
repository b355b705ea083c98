// Starts the server anew when its file changes, as nodemon and the like do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'chokidar';

const start = () => spawn(process.execPath, ['server.js'], { stdio: 'inherit' });
let server = start();
let turn = Promise.resolve();

watch('server.js', { ignoreInitial: true }).on('all', () => {
  turn = turn.then(async () => {
    server.kill('SIGTERM');
    await once(server, 'exit');
    server = start();
  });
});
process.once('SIGTERM', () => {
  server.once('exit', () => process.exit());
  server.kill('SIGTERM');
});
