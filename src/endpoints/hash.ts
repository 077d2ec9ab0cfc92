/**
 * 32-bit FNV-1a over UTF-16 code units with the final mixing of MurmurHash3, without which keys that differ only in their
 * last characters would lie side by side on a ring. Spreads keys; resists no attacker.
 */
export function hash32(text: string, start = 0, end = text.length): number {
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
