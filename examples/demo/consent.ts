import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';

/** Says what the demo will do to this machine, or stops in one line where it cannot. */
export function announce(embedded: boolean): void {
  if (!embedded) {
    console.log('The demo uses the cluster of TP_TEST_KUBECONFIG, in the namespaces default and other.');
    return;
  }
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) {
    console.error(
      'demo: the embedded cluster needs Debian and root; with an existing cluster (kind create cluster --kubeconfig /tmp/kind): TP_TEST_KUBECONFIG=/tmp/kind npm run demo',
    );
    process.exit(2);
  }
  const built = existsSync(
    `${process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`}/tpcluster/kubenode`,
  );
  console.log(`The demo sets up, on this machine:
  - Debian packages, where missing: docker.io, containerd, CNI plugins, iptables, socat, PostgreSQL, mmdebstrap,
    docker-registry
  - a one-node Kubernetes in network namespaces of its own${built ? ' (built already)' : ', built from source once: 6 to 10 minutes'}
  - Docker Compose, where missing: built from source once, about 2 minutes
  - images of a small example, about half a minute; then the story itself, less than a minute
Nothing else is changed; \`npm run cluster -- down --purge\` takes it away again.`);
}

/** Asks on a terminal, where Enter is yes; without one it goes on. */
export async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return true;
  const questions = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await questions.question('Go on? [Y/n] ');
  questions.close();
  return /^(y|yes|)$/i.test(answer.trim());
}
