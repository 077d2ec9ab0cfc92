import type { DecodedRequest, RelayCodec } from '../server/relay-service.ts';

/** Longer requests take long for other reasons, and would crowd out too many others. */
const LONGEST = 4 * 1024;
/** Requests remembered: with their bytes and their text, at most some megabytes. */
const MOST = 512;

/**
 * A codec that remembers what it has decoded lately. Requests which come again are what the cache of answers is there for,
 * and clients send them byte for byte alike: then neither decoding them nor digesting what came of it (see `requestKey`,
 * which knows a request by its object) is worth doing twice.
 */
export function remembering(codec: RelayCodec): RelayCodec {
  const remembered = new Map<string, DecodedRequest>();
  return {
    ...codec,
    decodeRequest(operation, wire) {
      if (operation !== 'messages' || wire.length > LONGEST) return codec.decodeRequest(operation, wire);
      const bytes = wire.toString('latin1');
      const known = remembered.get(bytes);
      if (known !== undefined) {
        // The order of a Map is that of insertion, so that the first is the one longest not asked for.
        remembered.delete(bytes);
        remembered.set(bytes, known);
        return known;
      }
      const decoded = codec.decodeRequest(operation, wire);
      remembered.set(bytes, decoded);
      const [oldest] = remembered.keys();
      if (remembered.size > MOST && oldest !== undefined) remembered.delete(oldest);
      return decoded;
    },
  };
}
