// Starts the server anew when its file changes, as nodemon and the like do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'chokidar';

const start = () => spawn(process.execPath, ['server.js'], { stdio: 'inherit' });
let server = start();
let turn = Promise.resolve();

// The directory: a watch of the file alone now and then loses it when it is replaced.
watch('.', { ignoreInitial: true, ignored: (path) => path.includes('node_modules') }).on(
  'all',
  (_event, path) => {
    if (path !== 'server.js') return;
    turn = turn.then(async () => {
      server.kill('SIGTERM');
      await once(server, 'exit');
      server = start();
    });
  },
);
process.once('SIGTERM', () => {
  server.once('exit', () => process.exit());
  server.kill('SIGTERM');
});
