import type { Call } from '../completion/call.ts';
import type { Reply, Settlement } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import { type HistoryBudget, SharedStream } from '../completion/shared-stream.ts';

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
    return (call) => {
      const key = keyOf(call);
      if (key === undefined) return next(call);
      const under = flights.get(key);
      if (under?.joinable === true) {
        call.trace.cacheStatus = 'COALESCED';
        return under.join(call, now);
      }
      const flight = new Flight(next, call, history, () => {
        if (flights.get(key) === flight) flights.delete(key);
      });
      flights.set(key, flight);
      return flight.join(call, now);
    };
  };
}

/** One call to the next service on behalf of several callers. The first one leads: its trace tells what happened. */
class Flight {
  private readonly controller = new AbortController();
  private readonly callers = new Set<Call>();
  private readonly leader: Call;
  private readonly landed: () => void;
  private readonly reply: Promise<Reply>;
  private shared: SharedStream | undefined;
  private over = false;

  constructor(next: Service, leader: Call, history: HistoryBudget, landed: () => void) {
    this.leader = leader;
    this.landed = landed;
    this.callers.add(leader);
    const { callers } = this;
    const call: Call = {
      ...leader,
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

  async join(call: Call, now: () => number): Promise<Reply> {
    this.callers.add(call);
    const left = Promise.withResolvers<never>();
    const onAbort = (): void => {
      this.leave(call);
      left.reject(call.signal.reason);
    };
    if (call.signal.aborted) onAbort();
    call.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const reply = await Promise.race([this.reply, left.promise]);
      this.tell(call, now);
      return this.shareOf(reply, call, onAbort);
    } catch (thrown) {
      call.signal.removeEventListener('abort', onAbort);
      this.callers.delete(call);
      throw thrown;
    }
  }

  /** The caller's own view of the reply. Usage is told to the leader alone, so that it is counted once. */
  private shareOf(reply: Reply, call: Call, onAbort: () => void): Reply {
    const isLeader = call === this.leader;
    const over = (): void => {
      call.signal.removeEventListener('abort', onAbort);
      this.leave(call);
    };
    if (reply.kind === 'whole' || this.shared === undefined) {
      over();
      return isLeader ? reply : { ...reply, settled: Promise.resolve({ outcome: 'delivered', usage: {} }) };
    }
    const { promise, resolve } = Promise.withResolvers<Settlement>();
    const events = this.shared.read(call.signal, (outcome, error) => {
      over();
      resolve({ outcome, usage: {}, ...(error !== undefined && { error }) });
    });
    return { ...reply, events, settled: isLeader ? reply.settled : promise };
  }

  /** What a follower's caller is told of the flight; its own waiting counts as upstream time, not as overhead. */
  private tell({ trace }: Call, now: () => number): void {
    if (trace === this.leader.trace) return;
    const { account, region, upstreamRequestId, upstreamStatus, timeToFirstByte, simulated } = this.leader.trace;
    Object.assign(trace, { account, region, upstreamRequestId, upstreamStatus, timeToFirstByte, simulated });
    trace.upstreamTime = now() - trace.startedAt;
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
