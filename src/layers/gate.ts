import { accumulate } from '../completion/accumulate.ts';
import { RelayError } from '../completion/errors.ts';
import { isContent } from '../completion/events.ts';
import type { Reply, StreamEvent, StreamReply, WholeReply } from '../completion/reply.ts';
import type { Layer } from '../completion/service.ts';
import type { Clock } from '../endpoints/clock.ts';

export interface GateOptions {
  /** Longest time for which a stream is held, in milliseconds from its head. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
}

/**
 * Holds a stream until its first content or a bounded wait: what breaks before has reached nobody, and rejects, so that
 * it is judged and retried like any failure. (Upstreams answer 200 and then send an `error` event: a relay that has passed
 * the head on by then can only break.) Then all that was held is handed on in order. A caller who wants no stream gets
 * nothing before the end, wherever the answer came from: for him a stream is held until it is whole.
 */
export function gate(options: GateOptions): Layer {
  return (next) => (call) =>
    next(call).then((reply) => {
      if (reply.kind === 'whole') return reply;
      return call.wantsStream ? opened(reply, options) : wholeOf(reply);
    });
}

async function opened(reply: StreamReply, options: GateOptions): Promise<Reply> {
  const held = new HeldEvents(reply.events[Symbol.asyncIterator]());
  if (await held.fill(options)) return { ...reply, events: held };
  // The upstream saw an end, so that nothing but this layer knows the answer to be none.
  throw new RelayError('STREAM_INTERRUPTED', 'The upstream ended its answer before any content. Retry.', {
    ...(reply.head !== undefined && { head: reply.head }),
  });
}

async function wholeOf({ events, settled, head }: StreamReply): Promise<WholeReply> {
  return { kind: 'whole', body: await accumulate(events), settled, ...(head !== undefined && { head }) };
}

/** Plays what was held, then the rest. No generator: `return()` on one that never started would not reach the upstream. */
class HeldEvents implements AsyncIterableIterator<StreamEvent> {
  readonly #source: AsyncIterator<StreamEvent>;
  readonly #held: StreamEvent[] = [];
  #next: Promise<IteratorResult<StreamEvent>> | undefined;

  constructor(source: AsyncIterator<StreamEvent>) {
    this.#source = source;
  }

  /** Reads until content comes or the wait is over; false when the stream ended before. Rejects when it breaks before. */
  async fill({ maxWaitMs, clock }: GateOptions): Promise<boolean> {
    const { promise: waited, resolve } = Promise.withResolvers<undefined>();
    const cancel = clock.after(maxWaitMs, () => resolve(undefined));
    try {
      for (;;) {
        const next = this.#source.next();
        const result = await Promise.race([next, waited]);
        if (result === undefined) {
          this.#next = next;
          return true;
        }
        if (result.done === true) return false;
        this.#held.push(result.value);
        if (isContent(result.value)) return true;
      }
    } finally {
      cancel();
    }
  }

  next(): Promise<IteratorResult<StreamEvent>> {
    const held = this.#held.shift();
    if (held !== undefined) return Promise.resolve({ done: false, value: held });
    const next = this.#next;
    if (next === undefined) return this.#source.next();
    this.#next = undefined;
    return next;
  }

  async return(): Promise<IteratorResult<StreamEvent>> {
    this.#held.length = 0;
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
