import type { StreamEvent } from '../completion/reply.ts';

/**
 * Shows each event to `observe` as it is read. No generator: one that was never started would not pass `return()` on,
 * and the upstream would go on writing.
 */
export function observed(
  events: AsyncIterable<StreamEvent>,
  observe: (event: StreamEvent) => void,
): AsyncIterable<StreamEvent> {
  return {
    [Symbol.asyncIterator]: () => {
      const inner = events[Symbol.asyncIterator]();
      return {
        next: async () => {
          const result = await inner.next();
          if (result.done !== true) observe(result.value);
          return result;
        },
        return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
