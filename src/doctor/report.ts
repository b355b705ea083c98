import type { Finding } from './finding.ts';

const WIDTH = Math.max(...['ok', 'warning', 'failure', 'skipped'].map(({ length }) => length));

/** Findings for people: a line each, and what to paste below it. */
export function asText(findings: readonly Finding[]): string {
  const checks = Math.max(...findings.map(({ check }) => check.length));
  return findings
    .map(({ level, check, message, fix }) => {
      const line = `${level.padEnd(WIDTH)}  ${check.padEnd(checks)}  ${message}\n`;
      return fix === undefined ? line : `${line}${fix.replace(/^/gm, '  ')}\n`;
    })
    .join('');
}
