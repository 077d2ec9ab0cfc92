import { LRUCache } from 'lru-cache';
import { observed } from '../completion/observed.ts';
import type { Reply } from '../completion/reply.ts';
import type { Connection } from './account.ts';
import type { RoutedCall } from './attempt.ts';
import { homeOf, type Route } from './router.ts';
import { seals } from './seals.ts';

/** Sealed values remembered; at most some 20 MB. */
const KNOWN_SEALS = 100_000;

/**
 * Which organization made, or could read, a sealed value, as far as this process has seen it. A call's key alone leads its
 * sealed history home only while the key stays what it was when the answer was made, and while it was made at home: a full
 * home spills over, and a caller may change from turn to turn what it marks for the upstream's cache.
 */
export class SealMakers {
  readonly #makers = new LRUCache<string, string>({ max: KNOWN_SEALS });

  /** Name of the organization; undefined where it is not known. */
  of(seal: string): string | undefined {
    return this.#makers.get(seal);
  }

  note(seal: string, organization: string): void {
    if (seal === '' || this.#makers.get(seal) === organization) return;
    // A slice keeps the text alive that it was cut from, which may be a whole answer; a copy does not.
    this.#makers.set(Buffer.from(seal).toString(), organization);
  }

  /** The same way to an organization, whose answers are looked through for what must be remembered. */
  watch(connection: Connection, organization: string): Connection {
    return {
      service: (call: RoutedCall) => {
        const reply = connection.service(call);
        const route = call.attempts?.route;
        return route?.conversation === undefined
          ? reply
          : reply.then((answer) => this.#heard(answer, route, organization));
      },
      close: () => connection.close(),
    };
  }

  #heard(reply: Reply, route: Route, organization: string): Reply {
    if (route.seal !== undefined) {
      // The history was taken, and by its first seal all later turns are known.
      this.note(route.seal, organization);
      if (homeOf(route)?.name === organization) return reply;
    }
    const look = (json: string): void => {
      for (const seal of seals(json)) this.note(seal, organization);
    };
    if (reply.kind === 'stream') return { ...reply, events: observed(reply.events, ({ data }) => look(data)) };
    look(reply.body);
    return reply;
  }
}
