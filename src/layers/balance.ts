import { asRelayError } from '../completion/errors.ts';
import type { Reply, StreamEvent } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import { newAttempts, type RoutedCall } from '../endpoints/attempt.ts';
import type { Lease } from '../endpoints/lease.ts';
import { seals } from '../endpoints/seals.ts';

/** The part of a pool that balancing uses. */
export interface Capacity {
  acquire(call: RoutedCall): Promise<Lease>;
}

/**
 * Ends the line of layers: sends each attempt to the endpoint that the pool gives it, and tells the pool how it went.
 *
 * @param gate holds each stream until its first content; beneath the pool's verdicts, so that an `error` event at the head
 *   of a stream is judged as the endpoint's failure and not as an answer
 */
export function balance(capacity: Capacity, gate: Layer): Service {
  return async (call: RoutedCall) => {
    const attempts = call.attempts ?? newAttempts();
    const routed = attempts === call.attempts ? call : { ...call, attempts };
    const lease = await capacity.acquire(routed);
    note(routed, attempts.tried.length, lease);
    let reply: Reply;
    try {
      reply = await gate(lease.service)(routed);
    } catch (thrown) {
      const error = asRelayError(thrown);
      lease.failed(error);
      throw error;
    }
    lease.opened(reply.head);
    void reply.settled.then((settlement) => lease.settled(settlement));
    return lease.isAway ? watched(reply, lease) : reply;
  };
}

function note({ trace }: RoutedCall, attempts: number, { endpoint, queued }: Lease): void {
  trace.attempts = attempts;
  trace.account = endpoint.account.name;
  trace.region = endpoint.region.name;
  trace.queued += queued;
}

/** Notes the sealed values of an answer that was made away from its conversation's home, where the next turn must find them. */
function watched(reply: Reply, lease: Lease): Reply {
  const look = (json: string) => {
    for (const seal of seals(json)) lease.noteSeal(seal);
  };
  if (reply.kind === 'whole') {
    look(reply.body);
    return reply;
  }
  const source = reply.events[Symbol.asyncIterator]();
  const events: AsyncIterableIterator<StreamEvent> = {
    async next() {
      const result = await source.next();
      if (result.done !== true) look(result.value.data);
      return result;
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => events,
  };
  return { ...reply, events };
}
