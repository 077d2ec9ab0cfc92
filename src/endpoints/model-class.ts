import type { Operation } from '../completion/call.ts';

const NEW_STYLE = /claude-(opus|sonnet|haiku|fable|mythos)-(\d+)/;
const OLD_STYLE = /claude-(\d+)(?:-\d+)?-(opus|sonnet|haiku)/;

/**
 * The class of models that share one upstream limit, as the API publishes them (reference 4.4: "Opus 4.x together",
 * "Sonnet 5"): family and major version. Token counting and the model list have request limits of their own. Whatever is
 * unknown shares `other`, so that invented model names make no new buckets.
 */
export function modelClass(operation: Operation, model: string): string {
  if (operation !== 'messages') return operation;
  const modern = NEW_STYLE.exec(model);
  if (modern !== null) return `${modern[1]}-${modern[2]}`;
  const old = OLD_STYLE.exec(model);
  return old === null ? 'other' : `${old[2]}-${old[1]}`;
}

/** Whether prompt-cache reads count towards the input limit: of the models still served, only for Haiku 3.5. */
export function countsCacheReads(model: string): boolean {
  return model.includes('claude-3-5-haiku');
}
