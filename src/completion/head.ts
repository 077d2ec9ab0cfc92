/** What the head of an upstream HTTP answer told; header names in lower case. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}
