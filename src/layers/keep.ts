import { Accumulator } from '../completion/accumulate.ts';
import type { Call } from '../completion/call.ts';
import { RelayError } from '../completion/errors.ts';
import { JsonSyntaxError, members, stringMember } from '../completion/json.ts';
import { observed } from '../completion/observed.ts';
import { type Reply, type Settlement, type StreamEvent, type StreamReply, whenSettled } from '../completion/reply.ts';
import type { Layer } from '../completion/service.ts';
import type { Usage } from '../completion/usage.ts';
import { Races } from './races.ts';
import type { ReusePlan } from './reuse-plan.ts';

/** An answer that may be given again. */
export interface Keepable {
  /** JSON text of the Message. */
  readonly body: string;
  readonly usage: Usage;
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
 * retry, so that it sees the one answer that came of all attempts. Of several answers to one request that are under way,
 * none is kept after one that was asked for later: a refresh is not undone.
 */
export function keep({ planOf, keep: store }: KeepOptions): Layer {
  const races = new Races();
  return (next) => (call) => {
    const plan = planOf(call);
    if (plan.mode === 'off') return next(call);
    const runner = races.enter(call.digest());
    const answered = (reply: Reply): Reply => {
      const ended = ({ usage, stopReason }: Settlement, body: string | undefined): void => {
        if (body !== undefined && COMPLETE.has(stopReason ?? stopReasonIn(body)) && races.arrive(runner)) {
          store(call, plan, { body, usage });
        }
        races.leave(runner);
      };
      if (reply.kind === 'whole') {
        whenSettled(reply, (settlement) => {
          ended(settlement, settlement.outcome === 'delivered' ? reply.body : undefined);
        });
        return reply;
      }
      const { seen, message } = watched(reply);
      whenSettled(reply, (settlement) => {
        if (settlement.outcome === 'delivered') void message.then((body) => ended(settlement, body));
        else ended(settlement, undefined);
      });
      return seen;
    };
    return next(call).then(answered, (thrown: unknown) => {
      races.leave(runner);
      throw thrown;
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

/** Puts the answer together while it passes: its message, or undefined where that came to nothing. */
function watched(reply: StreamReply): { seen: Reply; message: Promise<string | undefined> } {
  const { promise: message, resolve } = Promise.withResolvers<string | undefined>();
  let accumulator: Accumulator | undefined = new Accumulator();
  const note = (event: StreamEvent): void => {
    try {
      accumulator?.add(event);
      if (event.type === 'message_stop') resolve(accumulator?.finish());
    } catch (thrown) {
      if (!(thrown instanceof RelayError || thrown instanceof JsonSyntaxError)) throw thrown;
      // Not of the API's form: passed on as it is, for who reads it to judge, and not kept.
      accumulator = undefined;
      resolve(undefined);
    }
  };
  const events = observed(reply.events, note, () => resolve(undefined));
  return { seen: { ...reply, events }, message };
}
