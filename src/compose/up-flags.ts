import { TpError } from '../errors.ts';

/** Flags of `docker compose up` with which it returns at once. */
const DETACHING = /^(-[a-zA-Z]*d[a-zA-Z]*|--(detach|wait)(=(1|t|true))?)$/;

/** Refuses flags of `docker compose up` that a session cannot honour. `services` act as pods. Throws TpError. */
export function checkUpFlags(flags: readonly string[], services: readonly string[]): void {
  const detaching = flags.find((word) => DETACHING.test(word));
  if (detaching) {
    throw new TpError('TP_DETACHED', `${detaching}: the sessions live as long as this command`, {
      hint: `leave ${detaching} out, and put the whole command into the background`,
    });
  }
  for (const [at, word] of flags.entries()) {
    if (!/^--scale(=|$)/.test(word)) continue;
    const value = word.startsWith('--scale=') ? word.slice('--scale='.length) : (flags[at + 1] ?? '');
    const [service = '', count = ''] = value.split('=');
    if (!services.includes(service) || Number(count) <= 1) continue;
    throw new TpError(
      'TP_COMPOSE_SERVICE',
      `${service}: --scale ${value}: one container stands in for a workload`,
      { hint: `leave --scale ${value} out` },
    );
  }
}
