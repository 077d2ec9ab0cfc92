import type { Call } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';
import { type Reply, type Settlement, whenSettled } from '../completion/reply.ts';
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
    // Emptied when its flight has landed: garbage of the map itself would keep whatever its entries hold.
    const berths = new Map<string, { flight: Flight | undefined }>();
    const share: Service = (call) => {
      const key = keyOf(call);
      if (key === undefined) return next(call);
      const underWay = berths.get(key)?.flight;
      if (underWay?.joinable === true) {
        call.trace.cacheStatus = 'COALESCED';
        return underWay.join(call);
      }
      const flight = new Flight(call, history, now, share, () => {
        berth.flight = undefined;
        if (berths.get(key) === berth) berths.delete(key);
      });
      const berth: { flight: Flight | undefined } = { flight };
      berths.set(key, berth);
      flight.begin(next);
      return flight.join(call);
    };
    return share;
  };
}

/**
 * One call to the next service on behalf of several callers. It is told of, and counted, with the first who is answered; if
 * he leaves while others read on, with the next of them.
 */
class Flight {
  private readonly controller = new AbortController();
  private readonly callers = new Set<Caller>();
  private readonly trace: RelayInfoTrace;
  private readonly call: Call & { deadline: number };
  private readonly history: HistoryBudget;
  private readonly now: () => number;
  private readonly again: Service;
  private readonly landed: () => void;
  private reply: Reply | undefined;
  private shared: SharedStream | undefined;
  /** With whom the flight is counted. */
  private payer: Call | undefined;
  private over = false;

  /** @param again takes a call anew where the flight ran out of time that this caller still has */
  constructor(first: Call, history: HistoryBudget, now: () => number, again: Service, landed: () => void) {
    this.trace = { ...first.trace };
    this.call = { ...first, trace: this.trace, signal: this.controller.signal };
    this.history = history;
    this.now = now;
    this.again = again;
    this.landed = landed;
  }

  begin(next: Service): void {
    next(this.call).then(
      (reply) => this.open(reply),
      (error: unknown) => this.fail(error),
    );
  }

  get joinable(): boolean {
    return !this.over && !this.controller.signal.aborted && this.shared?.joinable !== false;
  }

  join(call: Call): Promise<Reply> {
    // Waiting is worth while as long as any caller waits.
    if (call.deadline > this.call.deadline) this.call.deadline = call.deadline;
    return new Promise((resolve, reject) => {
      const caller = new Caller(this, call, resolve, reject);
      this.callers.add(caller);
      if (call.signal.aborted) this.abandon(caller);
      else if (this.reply !== undefined) resolve(this.shareOf(this.reply, caller));
      else call.signal.addEventListener('abort', caller.leave);
    });
  }

  /** A caller who waits for the flight to open goes away. */
  abandon(caller: Caller): void {
    const { call } = caller;
    // With the last of them the flight ends, and only then is it known how long it waited and flew.
    this.leave(caller);
    this.tell(call, this.callers.size === 0);
    caller.reject(call.signal.reason);
  }

  private open(reply: Reply): void {
    this.reply = reply;
    if (this.callers.size === 0) return;
    if (reply.kind === 'whole') {
      this.land();
    } else {
      this.shared = new SharedStream(reply.events, this.history);
      whenSettled(reply, () => this.land());
    }
    for (const caller of this.callers) {
      caller.call.signal.removeEventListener('abort', caller.leave);
      caller.resolve(this.shareOf(reply, caller));
    }
  }

  private fail(error: unknown): void {
    this.land();
    for (const caller of this.callers) {
      const { call } = caller;
      call.signal.removeEventListener('abort', caller.leave);
      if (ranOut(error) && this.now() < call.deadline) {
        call.trace.cacheStatus = this.trace.cacheStatus;
        caller.resolve(this.again(call));
      } else {
        this.tell(call, true);
        caller.reject(error);
      }
    }
    this.callers.clear();
  }

  /** The caller's own view of the reply. What the flight used is told to all: the first one's status says that he paid. */
  private shareOf(reply: Reply, caller: Caller): Reply {
    this.tell(caller.call, true);
    if (reply.kind === 'whole' || this.shared === undefined) {
      this.leave(caller);
      return reply;
    }
    const { promise: read, resolve } = Promise.withResolvers<Settlement>();
    const events = this.shared.read(caller.call.signal, (outcome, error) => {
      this.leave(caller);
      resolve({ outcome, usage: {}, ...(error !== undefined && { error }) });
    });
    return { ...reply, events, settled: this.settled(caller.call, read, reply.settled) };
  }

  /** How a caller's own reading ended, and what the flight came to: that must wait for its end with him who is counted. */
  private async settled(
    call: Call,
    read: Promise<Settlement>,
    flown: Settlement | Promise<Settlement>,
  ): Promise<Settlement> {
    const reading = await read;
    if (reading.outcome !== 'delivered' && (this.payer !== call || this.handOn(call))) return reading;
    const settlement = await flown;
    if (this.payer === call) this.tellAll(call.trace);
    return reading.outcome === 'delivered' ? settlement : { ...reading, usage: settlement.usage };
  }

  /** Counts a flight that goes on with another caller, so that who has left holds nothing for it; false where none is left. */
  private handOn({ trace }: Call): boolean {
    const [next] = this.callers;
    if (next === undefined || this.shared?.ended === true) return false;
    this.payer = next.call;
    this.tellAll(next.call.trace);
    trace.cacheStatus = 'COALESCED';
    return true;
  }

  /** Tells a caller of the flight. All but the one with whom it is counted waited for it as for an upstream. */
  private tell(call: Call, mayPay: boolean): void {
    const { trace } = call;
    if (mayPay && this.payer === undefined) {
      this.payer = call;
      this.tellAll(trace);
      return;
    }
    const { account, region, upstreamRequestId, upstreamStatus, timeToFirstByte, simulated } = this.trace;
    Object.assign(trace, { account, region, upstreamRequestId, upstreamStatus, timeToFirstByte, simulated });
    trace.upstreamTime = this.now() - trace.startedAt;
  }

  private tellAll(trace: RelayInfoTrace): void {
    const { startedAt } = trace;
    Object.assign(trace, this.trace, { startedAt });
  }

  private leave(caller: Caller): void {
    this.callers.delete(caller);
    if (this.callers.size > 0 || this.over || this.shared?.ended === true) return;
    this.controller.abort(caller.call.signal.reason);
    this.shared?.close();
    this.land();
  }

  private land(): void {
    if (this.over) return;
    this.over = true;
    this.landed();
  }
}

/** Who wants a flight; until it opens, he listens for his own call's end. */
class Caller {
  readonly call: Call;
  readonly resolve: (reply: Reply | Promise<Reply>) => void;
  readonly reject: (reason: unknown) => void;
  /** Told when his call is over. No `handleEvent`: Node keeps an object that listens until a full collection. */
  readonly leave = (): void => this.flight.abandon(this);
  private readonly flight: Flight;

  constructor(flight: Flight, call: Call, resolve: Caller['resolve'], reject: Caller['reject']) {
    this.flight = flight;
    this.call = call;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Whether time was up: the flight may have been given no more of it than its first caller had. */
function ranOut(thrown: unknown): boolean {
  return thrown instanceof RelayError && thrown.reason === 'DEADLINE_EXCEEDED';
}
