import { getHeapStatistics } from 'node:v8';

/** Heap for all else: the program, calls under way, and what waits to be collected. */
const OTHER_BYTES = 256 * 2 ** 20;
/** Of three bytes that a cached answer is counted with, two are text on the heap at worst; the third is beside it. */
const HEAP_SHARE = 2 / 3;
const LEAST_BYTES = 2 ** 24;
const MIB = 2 ** 20;

/**
 * Bytes that the cache of answers may take: as many as wanted, or what V8 has room for. It ends a process whose heap
 * grows beyond its limit, which it draws from the memory that the machine or container has.
 *
 * @param wanted `cache.max_bytes`
 * @param warn told where it is less, and what to do
 */
export function cacheRoom(
  wanted: number,
  warn: (message: string) => void,
  heapLimit: number = getHeapStatistics().heap_size_limit,
): number {
  const room = Math.max(LEAST_BYTES, Math.floor((heapLimit - OTHER_BYTES) / HEAP_SHARE));
  if (wanted <= room) return wanted;
  warn(
    `cache.max_bytes is ${mebibytes(wanted)}, but Node's heap ends at ${mebibytes(heapLimit)}: cached answers get ${mebibytes(room)}. ` +
      'Lower it, or give Node more with NODE_OPTIONS=--max-old-space-size=MEBIBYTES where there is more memory.',
  );
  return room;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`;
}
