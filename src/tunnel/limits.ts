/** The tunnel's bounds. Each has a hostile-peer test in test/tunnel/hostile.test.ts. */

/** Bytes a peer may have on its way on a new stream: the product of 100 MiB/s and the 2.5 ms through an API server. */
export const STREAM_WINDOW_BYTES = 256 * 1024;

/** A stream that uses up this part of its window within a round trip … */
export const WINDOW_PART = 1 / 2;

/** … gets so many times as much: what may be on its way grows up to START_GAIN times in a round trip … */
export const WINDOW_GAIN = 4;

/** … up to this (bytes): 150 MiB/s at a round trip of 80 ms, twice … */
export const MAX_STREAM_WINDOW_BYTES = 24 * 1024 * 1024;

/** … and while all of a session's streams together have grown by less than this (bytes), which bounds memory. */
export const WINDOW_GROWTH_BYTES = 32 * 1024 * 1024;

/**
 * Where an earlier stream had a larger window, one gets that at once, but at most this part of what is left for all: several that
 * begin side by side get some each.
 */
export const KNOWN_WINDOW_PART = 1 / 4;

/** Streams that may be open at once, whoever opened them; each costs at most its window, so this bounds memory too. */
export const MAX_STREAMS = 4096;

/**
 * Bytes sent but not acknowledged, of all streams: bounds what a new link is sent again. 150 MiB/s at a round trip of 80 ms,
 * twice; on a shorter path less is on its way, see Flight.
 */
export const SESSION_WINDOW_BYTES = 24 * 1024 * 1024;

/** As much (bytes) may be on its way however short the path seems: each of the hops between the ends has some in its hands. */
export const MIN_FLIGHT_BYTES = 512 * 1024;

/** … and as much as passes in this time (ms): processes that have a lot to do at once are woken less often for each byte. */
export const FLIGHT_MS = 50;

/** Bulk alone may have so many times on its way what the path holds, as far as it is known … */
export const FLIGHT_GAIN = 2;

/** … and so many times while its rate is still found to grow, as at a start: what was delivered is a round trip old … */
export const START_GAIN = 3;

/** … by at least this from one sample to the next, as in BBR. */
export const RATE_GROWTH = 1.25;

/** As much (bytes) may be on its way while small requests share the link, which wait behind it: a millisecond or two of it. */
export const SHARED_FLIGHT_BYTES = 48 * 1024;

/** So much (ms) of a round trip is what the processes on the way take: no network holds anything in it. */
export const PROCESSING_MS = 5;

/** A turn of less than this (bytes) is a small request's or answer's, unless its stream had a larger one lately … */
export const SMALL_TURN_BYTES = 16 * 1024;

/** … after which the link counts as shared with such for this long (ms): longer than a pause between requests. */
export const SHARED_FOR_MS = 250;

/** The path's rate is taken over at least this long (ms): over less, what piled up for a moment looks like a faster path. */
export const RATE_SAMPLE_MS = 100;

/** … but while a transfer starts, where bulk is alone, over a round trip, or this (ms) where that is longer. */
export const QUICK_SAMPLE_MS = 20;

/** A transfer has started when so many of them in a row found nothing faster: in BBR three. */
export const STALLED_SAMPLES = 2;

/** What was measured of the path counts for this long (ms), and as long again. */
export const PATH_MEMORY_MS = 10_000;

/**
 * The sender asks for an acknowledgement each time it has sent this part of what may be on its way: less than half by a
 * frame, so that two are due before it has to stop, and it goes on after the first (but one while it is SHARED_FLIGHT_BYTES).
 */
export const ASK_PART = 2 / 5;

/**
 * … or this (bytes) where that is less: of what a long path holds nearly all is on its way all the time. A lump of 20 ms at
 * 100 MiB/s.
 */
export const ASK_BYTES = 2 * 1024 * 1024;

/** The receiver acknowledges unasked after this long (ms), so that a quiet session holds nothing. */
export const ACK_AFTER_MS = 50;

/** Bytes of one stream per turn: what a socket gives at one read. A small request waits for so much of each busy stream. */
export const QUANTUM_BYTES = 64 * 1024;

/** The same while small requests share the link. */
export const SHARED_QUANTUM_BYTES = 16 * 1024;

/** What a reader has taken is granted again when it is this part of the window: a sender that fills it does not stall. */
export const CREDIT_PART = 1 / 4;

/** Bytes given to the link at once: few enough to keep turns short, enough to fill a write. */
export const BATCH_BYTES = 128 * 1024;

/**
 * As much (bytes) waits for one end of a stream or link to take it before the other is not read any more: several reads'
 * worth, which leaves in one write. Each write wakes all on the way.
 */
export const CARRY_BYTES = 256 * 1024;

/** … in so many pieces at most: each is an object, too, however small. */
export const CARRY_CHUNKS = 256;

/** What nobody waits for leaves with what comes next, or after this long (ms): a server in the pod mostly has answered by then. */
export const LINGER_MS = 2;

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
