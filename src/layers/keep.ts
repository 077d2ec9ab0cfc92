import { Accumulator } from '../completion/accumulate.ts';
import type { Call } from '../completion/call.ts';
import { members, stringMember } from '../completion/json.ts';
import type { Reply, StreamEvent } from '../completion/reply.ts';
import type { Layer } from '../completion/service.ts';
import type { Usage } from '../completion/usage.ts';
import type { ReusePlan } from './reuse-plan.ts';

export interface KeepOptions {
  readonly planOf: (call: Call) => ReusePlan;
  /** Takes an answer that may be given again; must not throw. */
  readonly keep: (call: Call, plan: ReusePlan, body: string, usage: Usage) => void;
}

/** Answers that ended by themselves. Others were cut, refused or paused: asked again, the model may well go on. */
const COMPLETE = new Set(['end_turn', 'stop_sequence', 'tool_use']);

/**
 * Keeps complete answers for `reuse`. Stands beneath coalescing, so that a flight of many callers is kept once, and above
 * retry, so that it sees the one answer that came of all attempts.
 */
export function keep({ planOf, keep: store }: KeepOptions): Layer {
  return (next) => (call) => {
    const plan = planOf(call);
    if (plan.mode === 'off') return next(call);
    return next(call).then((reply) => {
      if (reply.kind === 'stream') return watched(reply, (body, usage) => store(call, plan, body, usage));
      void reply.settled.then(({ usage }) => {
        if (isComplete(reply.body)) store(call, plan, reply.body, usage);
      });
      return reply;
    });
  };
}

function isComplete(body: string): boolean {
  return COMPLETE.has(stringMember(members(body), 'stop_reason') ?? '');
}

/** Puts the answer together while it passes, and keeps it once it was read to its end. */
function watched(reply: Extract<Reply, { kind: 'stream' }>, store: (body: string, usage: Usage) => void): Reply {
  const accumulator = new Accumulator();
  const source = reply.events[Symbol.asyncIterator]();
  const finish = (): void => {
    const body = accumulator.finish();
    if (!isComplete(body)) return;
    void reply.settled.then(({ usage }) => store(body, usage));
  };
  const pass = (result: IteratorResult<StreamEvent>): IteratorResult<StreamEvent> => {
    if (result.done === true) return result;
    accumulator.add(result.value);
    if (result.value.type === 'message_stop') finish();
    return result;
  };
  const events: AsyncIterableIterator<StreamEvent> = {
    next: () => source.next().then(pass),
    return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]: () => events,
  };
  return { ...reply, events };
}
