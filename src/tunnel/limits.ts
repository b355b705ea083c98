/** The tunnel's bounds. Each has a hostile-peer test in test/tunnel/hostile.test.ts. */

/** Bytes a peer may have on its way on one stream: the product of 100 MiB/s and the 2.5 ms through an API server. */
export const STREAM_WINDOW_BYTES = 256 * 1024;

/** Streams that may be open at once, whoever opened them; each costs at most its window, so this bounds memory too. */
export const MAX_STREAMS = 4096;

/** Bytes sent but not acknowledged, of all streams: bounds what queues between the ends, and what a new link is sent again. */
export const SESSION_WINDOW_BYTES = 4 * 1024 * 1024;

/** The receiver acknowledges after this many bytes, a sixteenth of the session's window, so that it never stalls … */
export const ACK_AFTER_BYTES = 256 * 1024;

/** … or after this long, so that a quiet session holds nothing. */
export const ACK_AFTER_MS = 50;

/** Bytes of one stream per turn: a small request waits for at most this much of each busy stream. */
export const QUANTUM_BYTES = 16 * 1024;

/** A reader that has taken this much grants it again: half of what a stream may have on its way on a shared link. */
export const CREDIT_BYTES = 8 * 1024;

/** Bytes that a stream may have on its way while others use the link too: a fraction of a millisecond of it. */
export const SHARED_STREAM_BYTES = 16 * 1024;

/** For how long (ms) a link counts as shared after streams took turns on it: longer than a pause between requests. */
export const SHARED_FOR_MS = 250;

/** Bytes given to the link at once: few enough to keep turns short, enough to fill a write. */
export const BATCH_BYTES = 64 * 1024;

/** Control frames that wait for a peer that does not read; an honest peer has at most a few per stream. */
export const MAX_CONTROL_FRAMES = 8 * MAX_STREAMS;

/** The peer's hello must come within this time (ms); a pod's container may still be starting. */
export const HELLO_TIMEOUT_MS = 10_000;

/** The peer is asked for a sign of life this often (ms) … */
export const PING_INTERVAL_MS = 1_000;

/** … counts as silent after so many in a row without one: between 2 and 3 s, when nobody should wait for it any more … */
export const SILENT_BEATS = 3;

/** … and its link is given up when nothing came for this long (ms). */
export const SILENCE_LIMIT_MS = 5_000;

/** A session without a link keeps its streams for this long (ms): a change of networks, an API server's restart. */
export const RESUME_LIMIT_MS = 60_000;

/** A link that is closed has this long (ms) to take what was sent, and the peer to close in turn. */
export const CLOSE_GRACE_MS = 2_000;
