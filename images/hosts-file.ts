/** The text of an /etc/hosts, hosts(5). */

/** Where the kubelet begins the pod's `hostAliases` in the file that it writes (kubelet_pods.go, managedHostsFileContent). */
const ALIASES = '# Entries added by HostAliases.';

/** The lines of the pod's `hostAliases` in its file. */
export function hostAliasesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const begin = lines.indexOf(ALIASES);
  return begin < 0 ? [] : lines.slice(begin + 1).filter((line) => line !== '' && !line.startsWith('#'));
}

/** Docker's file as the pod has it: `name` means the pod's own addresses, and its aliases are there, behind what the user added. */
export function hostsLikePod(
  text: string,
  podAddresses: readonly string[],
  name: string,
  aliases: readonly string[],
): string {
  const kept = text.split('\n').filter((line) => {
    const names = line.trim().split(/\s+/).slice(1);
    return !names.includes(name) && !aliases.includes(line);
  });
  const own = podAddresses.map((address) => `${address}\t${name}`);
  return `${[kept.join('\n').trimEnd(), ...own, ...aliases].join('\n')}\n`;
}
