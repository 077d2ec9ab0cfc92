import type { Call } from '../completion/call.ts';
import { observed } from '../completion/observed.ts';
import type { Reply, Settlement } from '../completion/reply.ts';
import type { CacheStatus, RelayInfoTrace } from '../completion/trace.ts';
import { OutputMeter } from './output-meter.ts';

/** Answers that cost the upstream nothing. */
const FREE: ReadonlySet<CacheStatus> = new Set<CacheStatus>(['HIT', 'SIMILAR', 'COALESCED']);

/** Whether an answer costs the upstream nothing, or is counted with another call. */
export function isFree({ cacheStatus }: Pick<RelayInfoTrace, 'cacheStatus'>): boolean {
  return FREE.has(cacheStatus);
}

/**
 * The reply, settling with what it used at least: the upstream charges for what it wrote until a stream broke or its caller
 * went away, but nobody tells how much that was. Then it is estimated, once for all who count it, and never more than the
 * request allows.
 *
 * @param now milliseconds of any one clock
 */
export function metered(reply: Reply, { maxTokens, trace }: Call, now: () => number): Reply {
  if (reply.kind === 'whole') return reply;
  const meter = new OutputMeter(now);
  const complete = (settlement: Settlement): Settlement => {
    // Who pays for a shared answer is known at its end.
    if (settlement.outcome === 'delivered' || meter.isCounted || isFree(trace)) return settlement;
    const { usage } = settlement;
    // Until a stream's end its output counter is a start value.
    const written = Math.min(meter.tokens(), maxTokens);
    if (written <= (usage.output_tokens ?? 0)) return settlement;
    return { ...settlement, usage: { ...usage, output_tokens: written, output_tokens_estimated: true } };
  };
  const { settled } = reply;
  return {
    ...reply,
    events: observed(reply.events, (event) => meter.observe(event)),
    settled: settled instanceof Promise ? settled.then(complete) : complete(settled),
  };
}
