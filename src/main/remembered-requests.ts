import { LRUCache } from 'lru-cache';
import type { DecodedRequest, RelayCodec } from '../server/relay-service.ts';

/** Longer requests are not remembered: looking for one would cost as much as it saves. */
const LONGEST = 16 * 1024;
/** Bytes that all of them may take, and how many each takes for one of its own: its bytes and its texts. */
const CAPACITY = 8 * 1024 * 1024;
const BYTES_PER_BYTE = 4;

/**
 * A codec that remembers what it has decoded lately. Requests that come again are what the cache of answers is there for,
 * and clients send them byte for byte alike: then neither decoding them nor digesting what came of it (`requestKey` knows
 * a request by its object) is done twice.
 */
export function remembering(codec: RelayCodec): RelayCodec {
  const remembered = new LRUCache<string, DecodedRequest>({
    maxSize: CAPACITY,
    sizeCalculation: (_, bytes) => BYTES_PER_BYTE * (bytes.length + 1),
  });
  return {
    ...codec,
    decodeRequest(operation, wire) {
      if (operation !== 'messages' || wire.length > LONGEST) return codec.decodeRequest(operation, wire);
      const bytes = wire.toString('latin1');
      const known = remembered.get(bytes);
      if (known !== undefined) return known;
      const decoded = codec.decodeRequest(operation, wire);
      remembered.set(bytes, decoded);
      return decoded;
    },
  };
}
