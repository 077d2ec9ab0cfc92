import type { RelayError } from './errors.ts';
import type { ResponseHead } from './head.ts';
import type { Usage } from './usage.ts';

/**
 * One server-sent event of a Messages stream: its type, and its JSON text exactly as the upstream sent it.
 * Text, not objects: numbers keep their spelling and keys their order, and nobody pays for parsing what they do not read.
 */
export interface StreamEvent {
  readonly type: string;
  readonly data: string;
}

/** How a reply ended, for whoever holds something for the call. */
export interface Settlement {
  /** `delivered`: read to its proper end. `failed`: the upstream broke it. `abandoned`: the caller went away. */
  readonly outcome: 'delivered' | 'failed' | 'abandoned';
  readonly error?: RelayError;
  /** Tokens used as far as the upstream told; an absent counter is unknown, never 0. */
  readonly usage: Usage;
  /** The Message's `stop_reason`, where who made the reply has read it. */
  readonly stopReason?: string;
}

interface ReplyBase {
  /**
   * How the answer ended: delivered, failed or abandoned, read or unread. A promise, which never rejects, only where that
   * is not known yet: most answers are here as a whole, and every promise would be paid for by every call.
   */
  readonly settled: Settlement | Promise<Settlement>;
  /** Absent where no upstream was asked (a cached answer). */
  readonly head?: ResponseHead;
}

/** An answer that is here as a whole: the JSON text of a Message (or of a token count, or of a page of models). */
export interface WholeReply extends ReplyBase {
  readonly kind: 'whole';
  readonly body: string;
  /** Where the edge may leave its own form of the body, for an answer that will be asked for again. */
  readonly memo?: { wire?: Uint8Array };
}

/**
 * An answer that comes as events. Read it once. The iterator throws a RelayError when the stream breaks; `return()`
 * or the call's abort signal ends the upstream request at once.
 */
export interface StreamReply extends ReplyBase {
  readonly kind: 'stream';
  readonly events: AsyncIterable<StreamEvent>;
}

export type Reply = WholeReply | StreamReply;

/** Tells how a reply ended: at once where that is known. */
export function whenSettled({ settled }: Reply, listener: (settlement: Settlement) => void): void {
  if (settled instanceof Promise) void settled.then(listener);
  else listener(settled);
}
