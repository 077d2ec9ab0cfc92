import { Accumulator } from '../completion/accumulate.ts';
import type { Call } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';
import { JsonSyntaxError, members, stringMember } from '../completion/json.ts';
import type { Reply, StreamEvent } from '../completion/reply.ts';
import type { Layer } from '../completion/service.ts';
import type { Usage } from '../completion/usage.ts';
import type { ReusePlan } from './reuse-plan.ts';

/** An answer that may be given again. */
export interface Keepable {
  /** JSON text of the Message. */
  readonly body: string;
  readonly usage: Usage;
  /** Its place among all that was asked for, from 1. */
  readonly order: number;
}

export interface KeepOptions {
  readonly planOf: (call: Call) => ReusePlan;
  /** Must not throw. */
  readonly keep: (call: Call, plan: ReusePlan, answer: Keepable) => void;
}

/** Answers that ended by themselves. Others were cut, refused or paused: asked again, the model may well go on. */
const COMPLETE = new Set(['end_turn', 'stop_sequence', 'tool_use']);

/**
 * Keeps complete answers for `reuse`. Stands beneath coalescing, so that a flight of many callers is kept once, and above
 * retry, so that it sees the one answer that came of all attempts.
 */
export function keep({ planOf, keep: store }: KeepOptions): Layer {
  let asked = 0;
  return (next) => (call) => {
    const plan = planOf(call);
    if (plan.mode === 'off') return next(call);
    const order = ++asked;
    return next(call).then((reply) => {
      const complete = (body: string): void => {
        void reply.settled.then(({ usage, stopReason = stopReasonIn(body) }) => {
          if (COMPLETE.has(stopReason)) store(call, plan, { body, usage, order });
        });
      };
      if (reply.kind === 'stream') return watched(reply, complete);
      complete(reply.body);
      return reply;
    });
  };
}

function stopReasonIn(body: string): string {
  try {
    return stringMember(members(body), 'stop_reason') ?? '';
  } catch (thrown) {
    // What is no object of the API is the edge's to refuse.
    if (thrown instanceof JsonSyntaxError) return '';
    throw thrown;
  }
}

/** Puts the answer together while it passes, and tells of it once `message_stop` has. */
function watched(reply: Extract<Reply, { kind: 'stream' }>, complete: (body: string) => void): Reply {
  const source = reply.events[Symbol.asyncIterator]();
  let accumulator: Accumulator | undefined = new Accumulator();
  const note = (event: StreamEvent): void => {
    try {
      accumulator?.add(event);
      if (event.type === 'message_stop' && accumulator !== undefined) complete(accumulator.finish());
    } catch (thrown) {
      if (!(thrown instanceof RelayError || thrown instanceof JsonSyntaxError)) throw thrown;
      // Not of the API's form: passed on as it is, for who reads it to judge, and not kept.
      accumulator = undefined;
    }
  };
  const pass = (result: IteratorResult<StreamEvent>): IteratorResult<StreamEvent> => {
    if (result.done !== true) note(result.value);
    return result;
  };
  const events: AsyncIterableIterator<StreamEvent> = {
    next: () => source.next().then(pass),
    return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]: () => events,
  };
  return { ...reply, events };
}
