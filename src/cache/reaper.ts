/** How long an expired entry may stay where nothing else comes in, beside the time that clearing a backlog takes. */
const INTERVAL_MS = 1000;
/** Entries removed in one go, which takes about a millisecond; a backlog has others after short pauses. */
const SLICE = 1000;
const PAUSE_MS = 10;

export interface ReaperParts {
  /** Removes at most `limit` entries that have expired, and returns how many there were. */
  readonly reap: (limit: number) => number;
  /** Calls back once after so many milliseconds, by a timer that keeps no process alive; the returned function calls it off. */
  readonly after: (milliseconds: number, run: () => void) => () => void;
}

/**
 * Removes expired entries in the background, in slices that hold up nobody: those who set clear up as they go, but when
 * traffic ends, what it left would stay in memory beyond its time. The returned function ends that.
 */
export function startReaper({ reap, after }: ReaperParts): () => void {
  const round = (): void => {
    const hasMore = reap(SLICE) === SLICE;
    cancel = after(hasMore ? PAUSE_MS : INTERVAL_MS, round);
  };
  let cancel = after(INTERVAL_MS, round);
  return () => cancel();
}
