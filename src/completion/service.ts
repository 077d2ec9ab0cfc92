import type { Call } from './call.ts';
import type { Reply } from './reply.ts';

/**
 * Everything between the gRPC edge and the upstream is a service, or a layer that makes one from another
 * (M. Eriksen, "Your Server as a Function", PLOS 2013). Rejects with a RelayError only, and never throws.
 *
 * Layers that every call passes are written without `async`, which costs three promises where `then` takes one.
 */
export type Service = (call: Call) => Promise<Reply>;

export type Layer = (next: Service) => Service;

/** Stacks layers over a service, in the order in which a call meets them. */
export function stack(layers: readonly Layer[], service: Service): Service {
  return layers.reduceRight((next, layer) => layer(next), service);
}
