/** A key of the probe, and what was seen there: in a pod, through tp, and by a plain `docker run`. */
export interface ParityRow {
  key: string;
  pod: string;
  tp: string;
  docker: string;
}

/** Longer values are cut: what matters is whether they are equal. */
const MAX_CHARACTERS = 60;

const shown = (value: string) => {
  const line = value.replaceAll('\n', ' ⏎ ').replaceAll('|', '\\|');
  return line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS)}…` : line;
};

/** Variables by which a pod knows the Services of its namespace: dozens of a kind. */
const SERVICE_LINK = /^env \w+_(SERVICE|PORT)(_|$)/;

/** The table of docs/parity.md; of the links to Services those to one of them. */
export function table(rows: readonly ParityRow[]): string {
  const other = (pod: string, value: string) => (value === pod ? 'equal' : `\`${shown(value)}\``);
  return [
    '| What | in a pod | with tp | with `docker run` |',
    '|---|---|---|---|',
    ...rows
      .filter(({ key }) => !SERVICE_LINK.test(key) || key.startsWith('env THING1_'))
      .map(
        ({ key, pod, tp, docker }) =>
          `| ${key} | \`${shown(pod)}\` | ${other(pod, tp)} | ${other(pod, docker)} |`,
      ),
  ].join('\n');
}
