/** How the response cache took part in a call; the proto's `CacheStatus` without its prefix. */
export type CacheStatus = 'UNSPECIFIED' | 'MISS' | 'HIT' | 'SIMILAR' | 'COALESCED' | 'BYPASS';

/**
 * What happened to a call, written by the layers as it happens and read by the edge (`RelayInfo`), the log line and
 * the metrics. Durations are milliseconds.
 */
export interface RelayInfoTrace {
  /** `performance.now()` when the call arrived. */
  readonly startedAt: number;
  attempts: number;
  account: string;
  region: string;
  upstreamRequestId: string;
  /** HTTP status of the last upstream answer; 0 while there was none. */
  upstreamStatus: number;
  cacheStatus: CacheStatus;
  /** Age of a cached answer; absent for others. */
  cacheAge: number | undefined;
  /** How similar the request of a cached answer is, from 0 to 1; absent unless it is another request's. */
  similarity: number | undefined;
  /** Time spent waiting for capacity. */
  queued: number;
  /** From sending the last attempt to its first byte of body; absent while there was none. */
  timeToFirstByte: number | undefined;
  /** Time during which some upstream attempt was under way. */
  upstreamTime: number;
  /** Whether a simulated upstream answered. */
  simulated: boolean;
}

/** A trace that starts now. */
export function startTrace(now: number): RelayInfoTrace {
  return {
    startedAt: now,
    attempts: 0,
    account: '',
    region: '',
    upstreamRequestId: '',
    upstreamStatus: 0,
    cacheStatus: 'UNSPECIFIED',
    cacheAge: undefined,
    similarity: undefined,
    queued: 0,
    timeToFirstByte: undefined,
    upstreamTime: 0,
    simulated: false,
  };
}
