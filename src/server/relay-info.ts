import type { Call } from '../completion/call.ts';
import type { CacheStatus } from '../completion/trace.ts';

/** `RelayInfo` of the proto, by its field names; durations are milliseconds. */
export interface RelayInfo {
  readonly request_id: string;
  readonly upstream_request_id: string;
  readonly account: string;
  readonly region: string;
  readonly attempts: number;
  readonly cache_status: CacheStatus;
  /** Absent unless the answer is a cached one. */
  readonly cache_age?: number;
  readonly similarity?: number;
  readonly queued: number;
  /** Absent while no upstream has answered. */
  readonly upstream_time_to_first_byte?: number;
  /** Since the call arrived. */
  readonly total: number;
  /** Absent where it is not known, and 0 for an answer that was there already. */
  readonly cost_usd?: number;
  readonly simulated: boolean;
}

/** What is known of a call now, for its caller. `now` is in `performance.now()` milliseconds. */
export function relayInfo(
  { id, trace }: Pick<Call, 'id' | 'trace'>,
  now: number,
  costUsd: number | undefined,
): RelayInfo {
  const info: { -readonly [Field in keyof RelayInfo]: RelayInfo[Field] } = {
    request_id: id,
    upstream_request_id: trace.upstreamRequestId,
    account: trace.account,
    region: trace.region,
    attempts: trace.attempts,
    cache_status: trace.cacheStatus,
    queued: trace.queued,
    total: now - trace.startedAt,
    simulated: trace.simulated,
  };
  if (trace.cacheAge !== undefined) info.cache_age = trace.cacheAge;
  if (trace.similarity !== undefined) info.similarity = trace.similarity;
  if (trace.timeToFirstByte !== undefined) info.upstream_time_to_first_byte = trace.timeToFirstByte;
  if (costUsd !== undefined) info.cost_usd = costUsd;
  return info;
}
