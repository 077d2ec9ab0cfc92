import type { Call } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';
import type { Reply, Settlement } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import { type HistoryBudget, SharedStream } from '../completion/shared-stream.ts';
import type { RelayInfoTrace } from '../completion/trace.ts';

export interface CoalesceOptions {
  /** Equal keys mean equal requests that may share one answer; undefined: this call shares with nobody. */
  readonly keyOf: (call: Call) => string | undefined;
  /** Bounds what is kept of streams under way for callers who join later. */
  readonly history: HistoryBudget;
  readonly now: () => number;
}

/**
 * Lets equal calls that are under way at the same time share one flight. It lives while anyone wants it; cancellation
 * or deadline of one caller never touches another. Unary and streaming callers mix: the edge turns either form of a
 * reply into the other.
 */
export function coalesce({ keyOf, history, now }: CoalesceOptions): Layer {
  return (next) => {
    const flights = new Map<string, Flight>();
    const share: Service = (call) => {
      const key = keyOf(call);
      if (key === undefined) return next(call);
      const under = flights.get(key);
      if (under?.joinable === true) {
        call.trace.cacheStatus = 'COALESCED';
        return under.join(call, now, share);
      }
      const flight = new Flight(next, call, history, () => {
        if (flights.get(key) === flight) flights.delete(key);
      });
      flights.set(key, flight);
      return flight.join(call, now, share);
    };
    return share;
  };
}

/** One call to the next service on behalf of several callers. It is told of, and counted, with the first who is answered. */
class Flight {
  private readonly controller = new AbortController();
  private readonly callers = new Set<Call>();
  private readonly landed: () => void;
  private readonly reply: Promise<Reply>;
  private readonly trace: RelayInfoTrace;
  private shared: SharedStream | undefined;
  private counted = false;
  private over = false;

  constructor(next: Service, first: Call, history: HistoryBudget, landed: () => void) {
    this.landed = landed;
    this.trace = { ...first.trace };
    this.callers.add(first);
    const { callers } = this;
    const call: Call = {
      ...first,
      trace: this.trace,
      signal: this.controller.signal,
      // Waiting is worth while as long as any caller waits.
      get deadline() {
        return Math.max(...[...callers].map((caller) => caller.deadline));
      },
    };
    this.reply = next(call).then(
      (reply) => {
        if (reply.kind === 'stream') this.shared = new SharedStream(reply.events, history);
        else this.land();
        void reply.settled.then(() => this.land());
        return reply;
      },
      (error: unknown) => {
        this.land();
        throw error;
      },
    );
    // Each caller awaits the reply itself; when all have left, nobody is there to hear of a failure.
    this.reply.catch(() => undefined);
  }

  get joinable(): boolean {
    return !this.over && !this.controller.signal.aborted && this.shared?.joinable !== false;
  }

  /** `again` takes the call anew where the flight ran out of time that this caller still has. */
  async join(call: Call, now: () => number, again: Service): Promise<Reply> {
    this.callers.add(call);
    const left = Promise.withResolvers<never>();
    const onAbort = (): void => {
      this.callers.delete(call);
      this.tell(call, now, this.callers.size === 0);
      this.leave(call);
      left.reject(call.signal.reason);
    };
    if (call.signal.aborted) onAbort();
    call.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const reply = await Promise.race([this.reply, left.promise]);
      if (call.signal.aborted) throw call.signal.reason;
      return this.shareOf(reply, call, now);
    } catch (thrown) {
      this.callers.delete(call);
      if (call.signal.aborted) throw thrown;
      if (ranOut(thrown) && now() < call.deadline) {
        call.trace.cacheStatus = this.trace.cacheStatus;
        return again(call);
      }
      this.tell(call, now, true);
      throw thrown;
    } finally {
      call.signal.removeEventListener('abort', onAbort);
    }
  }

  /** The caller's own view of the reply. What the flight used is told to all: the first one's status says that he paid. */
  private shareOf(reply: Reply, call: Call, now: () => number): Reply {
    const isFirst = this.tell(call, now, true);
    if (reply.kind === 'whole' || this.shared === undefined) {
      this.leave(call);
      return reply;
    }
    const { promise: read, resolve } = Promise.withResolvers<Settlement>();
    const events = this.shared.read(call.signal, (outcome, error) => {
      this.leave(call);
      resolve({ outcome, usage: {}, ...(error !== undefined && { error }) });
    });
    return { ...reply, events, settled: this.settled(call, read, reply.settled, isFirst) };
  }

  /** How a caller's own reading ended, and what the flight came to: that must wait for its end with him who is counted. */
  private async settled(
    call: Call,
    read: Promise<Settlement>,
    flown: Promise<Settlement>,
    isFirst: boolean,
  ): Promise<Settlement> {
    const reading = await read;
    if (reading.outcome !== 'delivered' && !isFirst) return reading;
    const settlement = await flown;
    if (isFirst) this.tellAll(call);
    return reading.outcome === 'delivered' ? settlement : { ...reading, usage: settlement.usage };
  }

  /** Tells a caller of the flight; whether he is the first, with whom it is counted. The others waited for it as for an upstream. */
  private tell(call: Call, now: () => number, mayCount: boolean): boolean {
    if (mayCount && !this.counted) {
      this.counted = true;
      this.tellAll(call);
      return true;
    }
    const { account, region, upstreamRequestId, upstreamStatus, timeToFirstByte, simulated } = this.trace;
    Object.assign(call.trace, { account, region, upstreamRequestId, upstreamStatus, timeToFirstByte, simulated });
    call.trace.upstreamTime = now() - call.trace.startedAt;
    return false;
  }

  private tellAll({ trace }: Call): void {
    const { startedAt } = trace;
    Object.assign(trace, this.trace, { startedAt });
  }

  private leave(call: Call): void {
    this.callers.delete(call);
    if (this.callers.size > 0 || this.over || this.shared?.ended === true) return;
    this.controller.abort(call.signal.reason);
    this.shared?.close();
    this.land();
  }

  private land(): void {
    if (this.over) return;
    this.over = true;
    this.landed();
  }
}

/** Whether time was up: the flight may have been given no more of it than its first caller had. */
function ranOut(thrown: unknown): boolean {
  return thrown instanceof RelayError && thrown.reason === 'DEADLINE_EXCEEDED';
}
