/** Tab in the real shells, on the real cluster and with the installed Docker client. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { SESSION } from '../../src/labels.ts';
import { apply, kubeconfig, kubectl } from './harness/cluster.ts';
import { docker } from './harness/container.ts';
import { type Shell, Terminal } from './harness/terminal.ts';

const run = promisify(execFile);

const CLI = resolve(import.meta.dirname, '../../dist/tp.mjs');
const INSTALL = 'apt-get update && apt-get install -y --no-install-recommends zsh fish';

/** As many colons as an image's name can have. */
const IMAGE = 'registry.example:5000/tp-e2e/completion:1.0';
const SESSION_ID = 'c0ffeec0ff';

const directory = mkdtempSync(join(tmpdir(), 'tp-completion-'));
/** What `$(touch ...)` in the name of a context would make. */
const trap = join(directory, 'trap');

const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${directory}:${process.env.PATH}`,
  KUBECONFIG: `${resolve(kubeconfig)}:${join(directory, 'contexts')}`,
};

/** The pages' lines that load the script, and what a shell needs before them. */
const SETTINGS: Record<Shell, string[]> = {
  bash: ['source <(tp completion bash)', "bind 'set show-all-if-ambiguous on'"],
  zsh: ['autoload -Uz compinit && compinit -u -D', 'source <(tp completion zsh)', 'unsetopt beep'],
  fish: ['tp completion fish | source'],
};

/** What is typed before Tab, and what stands there after it. */
const LINES: readonly [typed: string, completed: string][] = [
  ['tp dock', 'tp docker-run '],
  ['tp completion f', 'tp completion fish '],
  ['tp docker-run --with', 'tp docker-run --without-container '],
  ['tp docker-run --volumes', 'tp docker-run --volumes-from '],
  ['tp docker-run --output ', 'tp docker-run --output yaml '],
  ['tp docker-run -n oth', 'tp docker-run -n other '],
  ['tp docker-run --namespace=oth', 'tp docker-run --namespace=other '],
  ['tp docker-run -n "oth', 'tp docker-run -n "other" '],
  ['tp docker-run -n other --workload dep', 'tp docker-run -n other --workload deployment/thing3 '],
  ['tp docker-run --workload=statefulset/q', 'tp docker-run --workload=statefulset/queue '],
  [
    'tp docker-run --workload sts/queue --container ',
    'tp docker-run --workload sts/queue --container queue ',
  ],
  ['tp docker-run --without-container queu', 'tp docker-run --without-container queue '],
  ['tp docker-run --service queue-', 'tp docker-run --service queue-nodes '],
  ['tp docker-run --context arn:aws:', 'tp docker-run --context arn:aws:eks:eu:1:cluster/x '],
  ['tp docker-run --context=admin@t', 'tp docker-run --context=admin@tp-e2e '],
  ['tp docker-run --context "with sp', 'tp docker-run --context "with space" '],
  ['tp docker-run --context with\\ sp', 'tp docker-run --context with\\ space '],
  ['tp docker-run --pull=al', 'tp docker-run --pull=always '],
  ['tp docker-run --log-opt max-b', 'tp docker-run --log-opt max-buffer-size='],
  ['tp docker-run --env-file one', 'tp docker-run --env-file one\\ file.env '],
  ['tp docker-run --env-file=one', 'tp docker-run --env-file=one\\ file.env '],
  ['tp docker-run -it -n default registry.example:5000/tp', `tp docker-run -it -n default ${IMAGE} `],
  ['tp docker-run -v "$PWD/a b:/app" registry.ex', `tp docker-run -v "$PWD/a b:/app" ${IMAGE} `],
  ['tp docker-run image ', 'tp docker-run image '],
  ['tp docker-run image --namespace=oth', 'tp docker-run image --namespace=oth'],
  [`tp leave -n other ${SESSION_ID.slice(0, 4)}`, `tp leave -n other ${SESSION_ID} `],
];

/** Installs the shells where they are missing; fails with the command that would. */
async function installShells(): Promise<void> {
  const present = async (shell: string) =>
    await run(shell, ['-c', 'true']).then(
      () => true,
      () => false,
    );
  if ((await present('zsh')) && (await present('fish'))) return;
  const quiet = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  await run('sh', ['-c', INSTALL], quiet).catch((cause) => {
    throw new Error(`zsh and fish are needed, and could not be installed. Try:\n  sudo sh -c '${INSTALL}'`, {
      cause,
    });
  });
}

before(async () => {
  await installShells();
  const tp = `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`;
  writeFileSync(join(directory, 'tp'), tp, { mode: 0o755 });
  const names = ['arn:aws:eks:eu:1:cluster/x', 'admin@tp-e2e', 'with space', `trap$(touch ${trap})`];
  const contexts = names.map((name) => ({ name, context: { cluster: 'none', user: 'none' } }));
  writeFileSync(join(directory, 'contexts'), JSON.stringify({ contexts }));
  await docker('tag', 'examplecom/servicename:1.0', IMAGE);
  await apply(`
    apiVersion: v1
    kind: ConfigMap
    metadata: { name: tp-e2e-completion, namespace: other, labels: { ${SESSION}: ${SESSION_ID} } }`);
});

after(async () => {
  rmSync(directory, { recursive: true });
  await docker('rmi', IMAGE);
  await kubectl('delete', 'configmap', 'tp-e2e-completion', '-n', 'other');
});

/** A directory for one shell's settings, with the file whose name is completed. */
function home(name: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  writeFileSync(join(path, 'one file.env'), '');
  return path;
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  describe(`Tab in ${shell}`, () => {
    let terminal: Terminal;

    before(async () => {
      terminal = await Terminal.start(shell, home(shell), SETTINGS[shell], env);
    });
    after(async () => await terminal[Symbol.asyncDispose]());

    for (const [typed, completed] of LINES) {
      test(`makes of "${typed}" "${completed}"`, async () => {
        assert.equal(await terminal.complete(typed), completed);
      });
    }

    test('shows flags of tp and of Docker beside each other', async () => {
      const typed = 'tp docker-run --name';
      assert.equal(await terminal.complete(typed), typed);
      assert.match(terminal.screen, /--name\s(.|\s)*--namespace\s/);
      if (shell !== 'bash') assert.match(terminal.screen, /the namespace \(the context's own\)/);
    });

    test('never runs what is in a name', async () => {
      for (const quote of ['', '"', "'"]) {
        const typed = `tp docker-run --context ${quote}trap`;
        const line = await terminal.complete(typed);
        if (quote === '') assert.notEqual(line, typed);
        // Whatever it has become, a shell that reads it reads a word, and no command.
        await run(shell, ['-c', `: ${line}${line === typed ? quote : ''}`]);
      }
      assert.ok(!existsSync(trap));
    });
  });
}

test('zsh finds the script in its path of functions', async () => {
  const path = home('zsh-functions');
  const settings = [
    'fpath=($PWD $fpath)',
    'tp completion zsh > "${fpath[1]}/_tp"',
    'autoload -Uz compinit && compinit -u -D',
  ];
  await using terminal = await Terminal.start('zsh', path, settings, env);
  assert.equal(await terminal.complete('tp docker-run -n oth'), 'tp docker-run -n other ');
});

test('bash completes an alias that is called tp', async () => {
  const settings = [`alias tp="${process.execPath} ${CLI}"`, ...SETTINGS.bash];
  const path = process.env.PATH; // without our directory: there is no other tp
  await using terminal = await Terminal.start('bash', home('bash-alias'), settings, { ...env, PATH: path });
  assert.equal(await terminal.complete('tp docker-run -n oth'), 'tp docker-run -n other ');
});
