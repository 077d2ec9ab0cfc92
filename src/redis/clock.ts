/** Time and chance, handed in. Milliseconds. */
export interface RedisClock {
  /** Never goes backwards. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs once after so many milliseconds; the returned function calls it off. */
  after(milliseconds: number, run: () => void): () => void;
}
