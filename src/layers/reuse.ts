import type { AnswerCache, FoundAnswer } from '../cache/answer-cache.ts';
import type { Call } from '../completion/call.ts';
import type { Reply } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import type { ReusePlan } from './reuse-plan.ts';

export interface ReuseOptions {
  readonly planOf: (call: Call) => ReusePlan;
  readonly cache: Pick<AnswerCache, 'find' | 'take'>;
  /** What the cache is told of a request beside its digest; empty where that says all. */
  readonly requestOf: (call: Call) => string;
  /**
   * Fetches the answer from a level that replicas share into the cache, unless a newer one has come there meanwhile; never
   * rejects. Undefined where there is no such level.
   */
  readonly fetch: ((call: Call) => Promise<unknown>) | undefined;
  /** Finds the key of the answer to a request that means the same. */
  readonly similar: (call: Call, minSimilarity: number) => Promise<{ key: string; score: number } | undefined>;
  /** Renews an answer in the background, where that is due and allowed. */
  readonly refresh: (call: Call, next: Service, found: FoundAnswer) => void;
}

/**
 * Answers from the cache what has been answered before. Stands above coalescing and everything that takes capacity: a hit
 * costs a look-up and a write. What is to be kept is kept by `keep`, beneath.
 */
export function reuse({ planOf, cache, requestOf, fetch, similar, refresh }: ReuseOptions): Layer {
  return (next) => {
    const asked: Service = (call) => {
      call.trace.cacheStatus = 'MISS';
      return next(call);
    };

    async function elsewhere(call: Call, plan: ReusePlan): Promise<Reply> {
      if (fetch !== undefined) {
        await fetch(call);
        const found = cache.find(call.digest(), requestOf(call));
        if (found !== undefined) return served(call, found);
      }
      if (plan.mode === 'similar') {
        const match = await similar(call, plan.minSimilarity);
        const found = match && cache.take(match.key);
        if (found !== undefined) return served(call, found, match?.score);
      }
      return asked(call);
    }

    return (call) => {
      const plan = planOf(call);
      if (plan.mode === 'off') {
        call.trace.cacheStatus = call.operation === 'messages' ? 'BYPASS' : 'UNSPECIFIED';
        return next(call);
      }
      if (plan.mode === 'refresh') return asked(call);
      const found = cache.find(call.digest(), requestOf(call));
      if (found !== undefined) {
        refresh(call, next, found);
        return Promise.resolve(served(call, found));
      }
      return fetch === undefined && plan.mode === 'exact' ? asked(call) : elsewhere(call, plan);
    };
  };
}

function served({ trace }: Call, { answer, age }: FoundAnswer, similarity?: number): Reply {
  trace.cacheStatus = similarity === undefined ? 'HIT' : 'SIMILAR';
  trace.cacheAge = age;
  trace.similarity = similarity;
  trace.simulated = answer.simulated === true;
  const settled = { outcome: 'delivered', usage: answer.usage } as const;
  return { kind: 'whole', body: answer.body, memo: answer.memo, settled };
}
