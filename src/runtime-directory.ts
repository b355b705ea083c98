import { tmpdir } from 'node:os';

/** Where the user's own short-lived files belong: it does not outlive a reboot. (XDG Base Directory Specification) */
export const runtimeDirectory = (): string => process.env.XDG_RUNTIME_DIR || tmpdir();
