/**
 * Writes 128 well-mixed bits of a key into `words` (four signed 32-bit words). Each word is the hash of one row of the
 * sketch, so the words must be independent of one another and equal for equal keys.
 */
export type KeyHash<K> = (key: K, words: Int32Array) => void;

/** Value of a hex digit by its character code: `0`-`9`, `a`-`f` and `A`-`F` alike, without a table or a branch. */
function digit(code: number): number {
  return (code & 15) + 9 * (code >>> 6);
}

/**
 * The first four words of a hex digest (SHA-256, MD5, or any other of at least 32 hex digits). A digest's words are
 * independent already, so hashing them again would only cost time. Keys must begin with the digest: those that begin
 * alike share their counts.
 */
export function hexDigestWords(key: string, words: Int32Array): void {
  for (let word = 0; word < 4; word += 1) {
    let bits = 0;
    for (let at = word * 8; at < word * 8 + 8; at += 1) bits = (bits << 4) | digit(key.charCodeAt(at));
    words[word] = bits;
  }
}
