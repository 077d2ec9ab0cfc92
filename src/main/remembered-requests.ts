import { LRUCache } from 'lru-cache';
import type { DecodedRequest, RelayCodec } from '../server/relay-service.ts';

/** Longer requests are not remembered: looking for one would cost as much as it saves. */
const LONGEST = 16 * 1024;
/** Requests that were seen once, by their samples: direct-mapped, so that a newer one takes an older one's place. */
const SEEN_ONCE = 1 << 15;
/** Bytes of a request that its sample is made of. */
const SAMPLED_BYTES = 1024;
/** Bytes that all of them may take, and how many each takes for one of its own: its bytes and its texts. */
const CAPACITY = 8 * 1024 * 1024;
const BYTES_PER_BYTE = 4;

/**
 * A codec that remembers what it has decoded lately. Requests that come again are what the cache of answers is there for,
 * and clients send them byte for byte alike: then neither decoding them nor digesting what came of it (`requestKey`
 * leaves it with the request) is done for each. What comes once is not worth remembering: the second time tells.
 */
export function remembering(codec: RelayCodec): RelayCodec {
  const remembered = new LRUCache<string, DecodedRequest>({
    maxSize: CAPACITY,
    sizeCalculation: (_, bytes) => BYTES_PER_BYTE * (bytes.length + 1),
  });
  const seen = new Int32Array(SEEN_ONCE);
  /** Whether the like of it came before, as far as its sample tells; a wrong yes only costs what remembering costs. */
  function cameBefore(wire: Buffer): boolean {
    const sample = sampleOf(wire);
    const slot = sample & (SEEN_ONCE - 1);
    if (seen[slot] === sample) return true;
    seen[slot] = sample;
    return false;
  }
  return {
    ...codec,
    decodeRequest(operation, wire) {
      if (operation !== 'messages' || wire.length > LONGEST || !cameBefore(wire)) {
        return codec.decodeRequest(operation, wire);
      }
      const bytes = wire.toString('latin1');
      const known = remembered.get(bytes);
      if (known !== undefined) return known;
      const decoded = { ...codec.decodeRequest(operation, wire), memo: {} };
      remembered.set(bytes, decoded);
      return decoded;
    },
  };
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) of the length and of bytes at even distances. */
function sampleOf(wire: Buffer): number {
  const step = Math.ceil(wire.length / SAMPLED_BYTES) || 1;
  let hash = 0x811c9dc5 ^ wire.length;
  for (let at = wire.length - 1; at >= 0; at -= step) hash = Math.imul(hash ^ (wire[at] ?? 0), 0x01000193);
  return hash;
}
