import { TpError } from './errors.ts';
import { type Owner, ownOwner } from './labels.ts';

/** What a person tells one session from another by. */
export interface Choice {
  session: string;
  owner: Owner | undefined;
  workload: string | undefined;
}

/**
 * The session that is meant: the named one, else the only one of this machine, else the only one that there is. Throws
 * TpError with a list where that does not tell. `command` is what its lines begin with.
 */
export function chooseSession<T extends Choice>(
  all: readonly T[],
  named: string | undefined,
  place: string,
  command: string,
): T {
  const lines = all.map(({ session, workload = 'no workload', owner }) => {
    const whose = owner ? `${owner.user}@${owner.host}` : 'of unknown owner';
    return `${command} ${session}    # ${workload}, ${whose}`;
  });
  const hint = lines.join('\n') || 'tp status; another namespace?  -n NAMESPACE';
  if (named !== undefined) {
    const found = all.find(({ session }) => session === named);
    if (found) return found;
    throw new TpError('TP_NO_SESSION', `there is no session ${named} in ${place}`, { hint });
  }
  const { machine } = ownOwner();
  const own = all.filter(({ owner }) => owner?.machine === machine);
  const [only] = own.length > 0 ? own : all;
  if (!only) throw new TpError('TP_NO_SESSION', `there is no session in ${place}`, { hint });
  if (own.length === 1 || all.length === 1) return only;
  throw new TpError('TP_SEVERAL_SESSIONS', `there are several sessions in ${place}`, { hint });
}
