import type { AnswerCache, FoundAnswer } from '../cache/answer-cache.ts';
import type { Call } from '../completion/call.ts';
import type { Reply } from '../completion/reply.ts';
import type { Layer, Service } from '../completion/service.ts';
import type { ReusePlan } from './reuse-plan.ts';

/** An answer that another level of the cache had. */
export interface SharedAnswer {
  readonly body: string;
  /** Milliseconds since it was made, and until it may no longer be served. */
  readonly age: number;
  readonly remaining: number;
}

export interface ReuseOptions {
  readonly planOf: (call: Call) => ReusePlan;
  readonly cache: AnswerCache;
  /** A level that replicas share; it never rejects. */
  readonly shared: { readonly find: (key: string, request: string) => Promise<SharedAnswer | undefined> } | undefined;
  /** Finds the key of the answer to a request that means the same. */
  readonly similar: (call: Call, minSimilarity: number) => Promise<{ key: string; score: number } | undefined>;
  /** Renews an answer in the background, where that is due and allowed. */
  readonly refresh: (call: Call, next: Service, found: FoundAnswer) => void;
}

/**
 * Answers from the cache what has been answered before. Stands above coalescing and everything that takes capacity: a hit
 * costs a look-up and a write. What is to be kept is kept by `keep`, beneath.
 */
export function reuse({ planOf, cache, shared, similar, refresh }: ReuseOptions): Layer {
  return (next) => {
    async function elsewhere(call: Call, plan: ReusePlan, key: string): Promise<Reply> {
      const kept = await shared?.find(key, call.body);
      if (kept !== undefined) {
        cache.keep(key, call.body, kept.body, {}, kept.remaining);
        const found = cache.take(key);
        if (found !== undefined) return served(call, { ...found, age: kept.age + found.age });
      }
      if (plan.mode === 'similar') {
        const match = await similar(call, plan.minSimilarity);
        const found = match === undefined ? undefined : cache.take(match.key);
        if (match !== undefined && found !== undefined) return served(call, found, match.score);
      }
      call.trace.cacheStatus = 'MISS';
      return next(call);
    }

    return (call) => {
      const plan = planOf(call);
      if (plan.mode === 'off') {
        call.trace.cacheStatus = call.operation === 'messages' ? 'BYPASS' : 'UNSPECIFIED';
        return next(call);
      }
      const key = call.digest();
      if (plan.mode !== 'refresh') {
        const found = cache.find(key, call.body);
        if (found !== undefined) {
          refresh(call, next, found);
          return Promise.resolve(served(call, found));
        }
        if (shared !== undefined || plan.mode === 'similar') return elsewhere(call, plan, key);
      }
      call.trace.cacheStatus = 'MISS';
      return next(call);
    };
  };
}

function served({ trace }: Call, { answer, age }: FoundAnswer, similarity?: number): Reply {
  trace.cacheStatus = similarity === undefined ? 'HIT' : 'SIMILAR';
  trace.cacheAge = age;
  trace.similarity = similarity;
  const settled = Promise.resolve({ outcome: 'delivered', usage: answer.usage } as const);
  return { kind: 'whole', body: answer.body, memo: answer.memo, settled };
}
