import type { StreamEvent } from './reply.ts';

/**
 * Shows each event to `observe` as it is read, and tells `ended` of a proper end. No generator: one that was never started
 * would not pass `return()` on, and the upstream would go on writing.
 */
export function observed(
  events: AsyncIterable<StreamEvent>,
  observe: (event: StreamEvent) => void,
  ended: () => void = () => undefined,
): AsyncIterable<StreamEvent> {
  const pass = (result: IteratorResult<StreamEvent>): IteratorResult<StreamEvent> => {
    if (result.done === true) ended();
    else observe(result.value);
    return result;
  };
  return {
    [Symbol.asyncIterator]: () => {
      const inner = events[Symbol.asyncIterator]();
      return {
        next: () => inner.next().then(pass),
        return: () => inner.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
